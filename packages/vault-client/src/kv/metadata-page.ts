// What a walk over a mount's metadata gives, and how it is asked for.
import type { PresentState } from "@keyferry/contracts";

export interface ListedSecret {
  /** Whole path in the mount. */
  readonly path: string;
  readonly state: PresentState;
}

/** One page of a folder. */
export interface MetadataPage {
  readonly kind: "page";
  readonly items: readonly ListedSecret[];
  /** Keys that are there but can't be addressed or understood: seen, never gone. */
  readonly unreadable: readonly string[];
  /** Prefixes below this one, each ending in a slash. */
  readonly folders: readonly string[];
  /** Ask for the next page with `after` set to it; undefined: this was the folder's last. */
  readonly next: string | undefined;
  readonly observedAt: number;
  /** Of the answer; 0 where the page is made of several. */
  readonly sizeBytes: number;
  /** Of the same answer as the page before it: it was read when that was read. */
  readonly continues?: boolean;
  /** Where a walk goes on after this page, if it can go on from here. */
  readonly resume?: WalkPosition;
}

/** A place in a walk: what is left of it. */
export interface WalkPosition {
  /** Not begun yet. */
  readonly folders: readonly string[];
  /** Begun: to be gone on with after this key. */
  readonly begun?: { readonly prefix: string; readonly after: string };
}

export interface PageRequest {
  readonly after?: string | undefined;
  readonly limit: number;
  /** A page of fewer keys is the folder's last; `limit` if absent. Lower where the server may give less than asked. */
  readonly lastBelow?: number;
}

export interface WalkOptions {
  /** Of each folder's first page, and the most that one step gives. */
  readonly limit: number;
  /** Absent: from the beginning. */
  readonly from?: WalkPosition | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Of a folder in which there is nothing (any more). */
export function emptyPage(observedAt: number): MetadataPage {
  return { kind: "page", items: [], unreadable: [], folders: [], next: undefined, observedAt, sizeBytes: 0 };
}
