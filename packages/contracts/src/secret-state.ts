import { createHash } from "node:crypto";
import { z } from "zod";

// The state of one secret as its metadata showed it. Whole in every event, so that one message is enough to resolve.

export const versionStateSchema = z.object({
  createdTime: z.string(),
  /** Empty if no deletion is set; a time in the future is an expiry that has not come. */
  deletionTime: z.string(),
  destroyed: z.boolean(),
  /** Readable at the time of the observation, judged by the answer's own clock (O22). */
  live: z.boolean(),
});
export type VersionState = z.infer<typeof versionStateSchema>;

export const presentStateSchema = z.object({
  kind: z.literal("present"),
  /** `created_time` of the metadata: tells a re-created path from the old one; compared by inequality only. */
  incarnation: z.string().min(1),
  current: z.int().nonnegative(),
  oldest: z.int().nonnegative(),
  /** Keyed by the version's number in decimal. */
  versions: z.record(z.string(), versionStateSchema),
  customMetadata: z.record(z.string(), z.string()),
  maxVersions: z.int().nonnegative(),
  casRequired: z.boolean(),
  deleteVersionAfter: z.string(),
});
export type PresentState = z.infer<typeof presentStateSchema>;

export const secretStateSchema = z.discriminatedUnion("kind", [
  presentStateSchema,
  /** Confirmed: metadata is gone under the same accessor and cluster. */
  z.object({ kind: z.literal("gone") }),
]);
export type SecretState = z.infer<typeof secretStateSchema>;

/** The number of the highest version that can be read, if any: what a sync writes (a deleted latest falls back to it). */
export function highestLiveVersion(state: SecretState): number | undefined {
  if (state.kind === "gone") return undefined;
  let highest: number | undefined;
  for (const [number, version] of Object.entries(state.versions)) {
    if (version.live && (highest === undefined || Number(number) > highest)) highest = Number(number);
  }
  return highest;
}

/**
 * Whether two `created_time`s are of one version. By the second: OpenBao 2.4.0 and 2.4.1 gave whole seconds, and an
 * upgrade must not make every version another one (reference: openbao 1841).
 */
export function isSameVersionTime(a: string, b: string): boolean {
  const secondOf = (time: string): number => Math.floor(Date.parse(time) / 1_000);
  return a === b || secondOf(a) === secondOf(b);
}

// Raised when the canonical form changes, so that an upgrade can accept both numbers instead of seeing a change of
// every secret (hazard list-and-get-differ).
const FINGERPRINT_FORM = "f1";

/**
 * One string per state: named fields in a fixed order, the same whether the state was read by a list or a get.
 * Two states with one fingerprint lead to the same wish.
 */
export function fingerprintOf(state: SecretState): string {
  if (state.kind === "gone") return `${FINGERPRINT_FORM}.gone`;
  const versions = Object.entries(state.versions)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([number, v]) => [Number(number), v.createdTime, v.deletionTime, v.destroyed, v.live]);
  const metadata = Object.entries(state.customMetadata).sort(([a], [b]) => (a < b ? -1 : 1));
  const canonical = JSON.stringify([
    state.incarnation,
    state.current,
    state.oldest,
    versions,
    metadata,
    state.maxVersions,
    state.casRequired,
    state.deleteVersionAfter,
  ]);
  return `${FINGERPRINT_FORM}.${createHash("sha256").update(canonical).digest("base64url").slice(0, 27)}`;
}
