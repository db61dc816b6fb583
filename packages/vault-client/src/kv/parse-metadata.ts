// Owns: the one way from metadata JSON to a state, for single reads and for list items, so that both give one
// fingerprint (hazard list-and-get-differ). Fields that only some versions show are left out on purpose.
import type { PresentState, VersionState } from "@keyferry/contracts";
import { z } from "zod";

const versionSchema = z.object({
  created_time: z.string(),
  deletion_time: z.string(),
  destroyed: z.boolean(),
});

const metadataSchema = z.object({
  created_time: z.string().min(1),
  current_version: z.int().nonnegative(),
  oldest_version: z.int().nonnegative(),
  versions: z.record(z.string().regex(/^[1-9][0-9]*$/), versionSchema),
  custom_metadata: z.record(z.string(), z.string()).nullish(),
  max_versions: z.int().nonnegative(),
  cas_required: z.boolean(),
  delete_version_after: z.string(),
});

/** The state that metadata shows, judged at `observedAt` (the answer's `Date`); undefined if it is not metadata. */
export function parseMetadata(data: unknown, observedAt: number): PresentState | undefined {
  const parsed = metadataSchema.safeParse(data);
  if (!parsed.success) return undefined;
  const metadata = parsed.data;
  const versions: Record<string, VersionState> = {};
  for (const [number, version] of Object.entries(metadata.versions)) {
    if (version.deletion_time !== "" && Number.isNaN(Date.parse(version.deletion_time))) return undefined;
    versions[number] = {
      createdTime: version.created_time,
      deletionTime: version.deletion_time,
      destroyed: version.destroyed,
      live: !version.destroyed && isLiveAt(version.deletion_time, observedAt),
    };
  }
  return {
    kind: "present",
    incarnation: metadata.created_time,
    current: metadata.current_version,
    oldest: metadata.oldest_version,
    versions,
    // null and {} are the same to a reader of the metadata: none.
    customMetadata: metadata.custom_metadata ?? {},
    maxVersions: metadata.max_versions,
    casRequired: metadata.cas_required,
    deleteVersionAfter: metadata.delete_version_after,
  };
}

// `Date` has whole seconds, cut off: a version deleted 0.4 s into the second of the answer is not in the future. The
// price is that an expiry may be seen up to a second early, which the expiry's own look then confirms.
const DATE_RESOLUTION_MS = 1_000;

/** Whether a version with this deletion time could be read when an answer dated `observedAt` was made. */
export function isLiveAt(deletionTime: string, observedAt: number): boolean {
  return deletionTime === "" || Date.parse(deletionTime) >= observedAt + DATE_RESOLUTION_MS;
}
