// Owns: which mounts a whole sweep covers: those with associations, wherever they stand now (a mount that was moved keeps
// its accessor, hazard remount-keeps-accessor), and those that rules look at, found anew each time.
import type { SourceReport } from "@keyferry/contracts";
import { toKeyferryError } from "@keyferry/errors";
import { matchesAny } from "../observe/mount-globs.ts";
import type { AssociatedMounts, MountAddress, MountIdentity, RulePatterns, SourceReader } from "../ports.ts";

export interface TargetsParts {
  readonly source: SourceReader;
  readonly associated: AssociatedMounts;
  readonly rules: RulePatterns | undefined;
  /** Whether the configuration lets a mount be watched. */
  readonly covers: (at: MountAddress) => boolean;
  readonly signal: AbortSignal;
}

export interface SweepTargets {
  readonly mounts: readonly MountAddress[];
  readonly moved: SourceReport["moved"];
}

/** Asks the source for its mounts. Throws the source's errors, but for a list that is denied: then nothing is found there. */
export async function findTargets({
  source,
  associated,
  rules,
  covers,
  signal,
}: TargetsParts): Promise<SweepTargets> {
  const mounts = new Map<string, MountAddress>();
  const moved: SourceReport["moved"] = [];
  const add = ({ namespace, mount }: MountAddress): void => {
    if (covers({ namespace, mount })) mounts.set(JSON.stringify([namespace, mount]), { namespace, mount });
  };
  const wanted = associated.list();
  const patterns = rules?.list() ?? [];
  const namespaces = new Set([...wanted, ...patterns].map(({ namespace }) => namespace));
  const standing = new Map<string, readonly MountIdentity[]>();
  for (const namespace of namespaces) standing.set(namespace, await mountsIn(source, namespace, signal));
  for (const at of wanted) {
    const here = standing.get(at.namespace) ?? [];
    const now = at.accessor === undefined ? undefined : here.find(({ accessor }) => accessor === at.accessor);
    const place = now === undefined ? at : { namespace: at.namespace, mount: now.path };
    if (at.accessor !== undefined && place.mount !== at.mount) {
      moved.push({ namespace: at.namespace, accessor: at.accessor, from: at.mount, to: place.mount });
    }
    add(place);
  }
  for (const { namespace, mounts: globs } of patterns) {
    for (const { path } of standing.get(namespace) ?? []) {
      if (matchesAny(globs, path)) add({ namespace, mount: path });
    }
  }
  return { mounts: [...mounts.values()], moved };
}

async function mountsIn(
  source: SourceReader,
  namespace: string,
  signal: AbortSignal,
): Promise<readonly MountIdentity[]> {
  try {
    return (await source.listKv2Mounts?.(namespace, signal)) ?? [];
  } catch (thrown) {
    const error = toKeyferryError(thrown);
    // Associated mounts are swept all the same; a namespace that is gone answers as a mount that is missing.
    if (error.code === "source-denied" || error.code === "mount-missing") return [];
    throw error;
  }
}
