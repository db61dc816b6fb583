// Owns: which mounts are watched, and whether a read counts: only with the accessor and the cluster under which its
// secret is known (O8). Does not own: reading secrets.
// Invariants: a mount's identity is read after the read that it vouches for, never taken from memory; what a person has
// confirmed counts from the next look on (O20).
import { KeyferryError } from "@keyferry/errors";
import type { Clock } from "@keyferry/ports";
import type { Memory } from "../publish/memory.ts";
import type {
  AssociatedMounts,
  Confirmations,
  HeldChange,
  MountAddress,
  MountIdentity,
  RulePatterns,
  SourceReader,
} from "../ports.ts";
import { FreshReads } from "./fresh-reads.ts";
import { matchesAny } from "./mount-globs.ts";

export type MountAnswer =
  | { readonly kind: "watched"; readonly mount: MountIdentity }
  /** Another mount than the one that secrets are associated from: held until a person says that it takes its place. */
  | { readonly kind: "replaced"; readonly from: string; readonly to: string }
  /** Not ours to look at: another engine, Keyferry's own, or outside the configured globs. */
  | { readonly kind: "ignored" }
  | { readonly kind: "missing" };

export type IdentityCheck =
  | { readonly kind: "same"; readonly clusterId: string }
  | {
      readonly kind: "changed";
      readonly what: "cluster" | "accessor" | "missing";
      readonly change: HeldChange;
    };

export interface WatchedMountsParts {
  readonly source: SourceReader;
  readonly memory: Memory;
  readonly clock: Clock;
  readonly globs: readonly string[];
  readonly ownMount: MountAddress;
  readonly associated: AssociatedMounts;
  readonly rules: RulePatterns | undefined;
  readonly confirmations: Confirmations | undefined;
  readonly signal: AbortSignal;
}

// How long a mount that is not watched stays so without asking: a storm of hints from a version 1 mount costs one call.
const IGNORED_MS = 10_000;

export class WatchedMounts {
  readonly #parts: WatchedMountsParts;
  readonly #watched = new Map<string, MountIdentity>();
  readonly #unwatched = new Map<string, { answer: MountAnswer; until: number }>();
  readonly #lookUps: FreshReads<Awaited<ReturnType<SourceReader["mountOf"]>>>;
  readonly #health: FreshReads<string>;

  constructor(parts: WatchedMountsParts) {
    const { source, signal } = parts;
    this.#parts = parts;
    this.#lookUps = new FreshReads((key) => source.mountOf(mountOfKey(key), signal));
    this.#health = new FreshReads(async () => clusterOf(await source.health(signal)));
  }

  /** What stands at a mount's path; remembered. Throws the source's errors. */
  async resolve(at: MountAddress): Promise<MountAnswer> {
    if (!this.covers(at)) return { kind: "ignored" };
    const key = keyOf(at);
    const watched = this.#watched.get(key);
    if (watched !== undefined) return this.#judged(at, watched);
    const unwatched = this.#unwatched.get(key);
    if (unwatched !== undefined && unwatched.until > this.#parts.clock.now()) return unwatched.answer;
    const found = await this.#lookUps.get(key);
    const answer = this.#remember(at, found);
    return answer.kind === "watched" ? this.#judged(at, answer.mount) : answer;
  }

  /** The accessor that stands at a mount's path, as far as that is known. */
  accessorAt(at: MountAddress): string | undefined {
    return this.#watched.get(keyOf(at))?.accessor;
  }

  /** Whether the configuration lets this mount be watched at all. */
  covers(at: MountAddress): boolean {
    const { ownMount, globs } = this.#parts;
    const isOwn = at.namespace === ownMount.namespace && at.mount === ownMount.mount;
    return !isOwn && matchesAny(globs, at.namespace === "" ? at.mount : `${at.namespace}/${at.mount}`);
  }

  /** Asks anew who stands there. Call it after the read that it shall vouch for. Throws the source's errors. */
  async check(mount: MountIdentity): Promise<IdentityCheck> {
    const at = { namespace: mount.namespace, mount: mount.path };
    const [found, clusterId] = await Promise.all([this.#lookUps.get(keyOf(at)), this.#health.get("")]);
    const answer = this.#remember(at, found);
    if (answer.kind !== "watched") return { kind: "changed", what: "missing", change: null };
    const { accessor } = answer.mount;
    if (accessor !== mount.accessor) {
      const change = { kind: "mount", from: mount.accessor, to: accessor } as const;
      return { kind: "changed", what: "accessor", change };
    }
    const change = this.#clusterChange(clusterId);
    return change === undefined ? { kind: "same", clusterId } : { kind: "changed", what: "cluster", change };
  }

  /** What a person has to be told of a mount that takes another one's place: the whole server may be another one. */
  async replacement({ from, to }: { from: string; to: string }): Promise<HeldChange> {
    return this.#clusterChange(await this.#health.get("")) ?? { kind: "mount", from, to };
  }

  /** One source is one cluster: what a confirmation says, or else what the last event was seen in. */
  #clusterChange(to: string) {
    const { confirmations, memory } = this.#parts;
    const from = confirmations?.cluster() ?? memory.cluster;
    return from === undefined || from === to ? undefined : ({ kind: "cluster", from, to } as const);
  }

  /** Whether the mount that stands there may be looked at, or takes the place of one that somebody syncs from. */
  #judged(at: MountAddress, mount: MountIdentity): MountAnswer {
    const from =
      this.#parts.confirmations?.accessorAt(at) === mount.accessor ? undefined : this.#before(at, mount);
    return from === undefined ? { kind: "watched", mount } : { kind: "replaced", from, to: mount.accessor };
  }

  /** The accessor of another mount under whose secrets this path is associated, or was seen by a rule. */
  #before({ namespace, mount: path }: MountAddress, { accessor }: MountIdentity): string | undefined {
    const { associated, rules, memory } = this.#parts;
    const associatedFrom = associated
      .list()
      .find(
        (at) => at.namespace === namespace && at.mount === path && (at.accessor ?? accessor) !== accessor,
      );
    if (associatedFrom !== undefined) return associatedFrom.accessor;
    const isRuled = rules
      ?.list()
      .some((rule) => rule.namespace === namespace && matchesAny(rule.mounts, path));
    return isRuled === true ? memory.otherMountAt({ namespace, mount: path }, accessor) : undefined;
  }

  /** What is remembered of a mount, or of all of them, doesn't hold any more. */
  forget(at?: MountAddress): void {
    if (at !== undefined) {
      this.#watched.delete(keyOf(at));
      return;
    }
    this.#watched.clear();
    this.#unwatched.clear();
  }

  #remember(at: MountAddress, found: Awaited<ReturnType<SourceReader["mountOf"]>>): MountAnswer {
    const key = keyOf(at);
    // A mount above the path that was asked for is another mount.
    const mount = found.kind === "mounted" && found.mount.path === at.mount ? found.mount : undefined;
    if (mount?.kvVersion === 2) {
      this.#watched.set(key, mount);
      this.#unwatched.delete(key);
      return { kind: "watched", mount };
    }
    const answer: MountAnswer = mount === undefined ? { kind: "missing" } : { kind: "ignored" };
    this.#watched.delete(key);
    this.#unwatched.set(key, { answer, until: this.#parts.clock.now() + IGNORED_MS });
    return answer;
  }
}

function keyOf(at: MountAddress): string {
  return JSON.stringify([at.namespace, at.mount]);
}

function mountOfKey(key: string): { namespace: string; path: string } {
  const [namespace, path] = JSON.parse(key) as [string, string];
  return { namespace, path };
}

function clusterOf(health: Awaited<ReturnType<SourceReader["health"]>>): string {
  if (health.sealed) throw new KeyferryError("source-sealed", "The source is sealed");
  if (health.clusterId === undefined) {
    throw new KeyferryError("source-answer-unknown", "The source does not say which cluster it is");
  }
  return health.clusterId;
}
