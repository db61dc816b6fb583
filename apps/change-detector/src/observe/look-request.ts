// Owns: the wish to look at one secret, and how several become one. Pure. A request never says what is there, only
// where to look and how new an answer has to be.
import type { Hint, LookCause } from "@keyferry/contracts";
import type { SecretAddress } from "../ports.ts";

export interface LookRequest {
  readonly address: SecretAddress;
  readonly cause: LookCause;
  /** A write answered with this version: a read that shows less is behind. */
  readonly minVersion?: number | undefined;
  /** Milliseconds since 1970: when the first hint of this look arrived. */
  readonly hintedAt?: number | undefined;
  /** When the source committed the first change that was hinted, by its clock; for figures only. */
  readonly committedAt?: number | undefined;
  /** Of the first hint that told one. */
  readonly traceId?: string | undefined;
  /** Somebody waits for a state, also if it is "gone" (O7). */
  readonly asked: boolean;
  /** A hint spoke of the deletion of all the secret's metadata. */
  readonly deletionHinted: boolean;
  /** The second look at something that a first one saw unchanged, in case that one was behind. */
  readonly isSecondLook?: boolean | undefined;
}

/** The look that a hint asks for. */
export function requestOfHint(hint: Hint & { path: string }, now: number): LookRequest {
  const { namespace, mount, path, operation, minVersion, committedAt, traceId } = hint;
  return {
    address: { namespace, mount, path },
    cause: operation === "look" ? "asked" : "hint",
    asked: operation === "look",
    deletionHinted: operation === "metadata-delete",
    hintedAt: now,
    minVersion,
    committedAt,
    traceId,
  };
}

// What people read as the reason, if one look has several.
const CAUSES: readonly LookCause[] = ["hint", "expiry", "asked", "sweep"];

/** One request for both: as demanding as the more demanding of each. */
export function mergeRequests(a: LookRequest, b: LookRequest): LookRequest {
  return {
    address: a.address,
    cause: CAUSES.indexOf(a.cause) <= CAUSES.indexOf(b.cause) ? a.cause : b.cause,
    minVersion: largest(a.minVersion, b.minVersion),
    hintedAt: smallest(a.hintedAt, b.hintedAt),
    committedAt: smallest(a.committedAt, b.committedAt),
    traceId: a.traceId ?? b.traceId,
    asked: a.asked || b.asked,
    deletionHinted: a.deletionHinted || b.deletionHinted,
    isSecondLook: (a.isSecondLook ?? false) && (b.isSecondLook ?? false),
  };
}

function largest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}

function smallest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
