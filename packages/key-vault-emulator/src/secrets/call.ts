// Owns: what an operation gets and what it gives. Operations are synchronous and read no clock and no socket: the
// server asks, applies what was answered, writes it down.
import type { Properties, SizeLimits } from "../wire/secret-body.ts";
import type { Refusal } from "../wire/refusal.ts";
import type { SecretVersion, Tags } from "../store/secret.ts";
import type { SoftDeleteDelays } from "../soft-delete/lifecycle.ts";
import type { Vault } from "../store/vault.ts";
import type { Operation } from "../wire/route.ts";

export interface Call {
  readonly operation: Operation;
  readonly vault: Vault;
  readonly name: string;
  readonly version: string | undefined;
  readonly query: URLSearchParams;
  readonly body: string;
  readonly nowMs: number;
  /** `https://{vault}.vault.azure.net`: ids carry no port. */
  readonly idOrigin: string;
  /** `https://{vault}.vault.azure.net:{port}`: where the next page is fetched; `:443` where the client named no port. */
  readonly linkOrigin: string;
  readonly sizes: SizeLimits;
  readonly delays: SoftDeleteDelays;
  /** Seals and opens backup blobs. */
  readonly backupKey: Buffer;
}

/** What a call changed, for the oracle. */
export interface Effect {
  readonly kind: "set" | "update" | "delete" | "recover" | "purge" | "restore";
  /** As stored, not as spelled in the call. */
  readonly name: string;
  /** The version that was made or changed; the latest where the effect is on the whole secret. */
  readonly version: SecretVersion;
}

export interface Done {
  readonly kind: "done";
  readonly status: 200 | 204;
  readonly json: Record<string, unknown> | undefined;
  readonly effect: Effect | undefined;
}

export type Answer = Done | Refusal;

export function done(json: Record<string, unknown>, effect?: Effect): Done {
  return { kind: "done", status: 200, json, effect };
}

/** Tags of a version: an empty map is as good as none, and is not shown. */
export function storedTags(tags: Properties["tags"]): Tags | undefined {
  return tags === undefined || Object.keys(tags).length === 0 ? undefined : tags;
}

export function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000);
}
