// Owns: deleting orphans that a person has approved: names with a mark of ours, that no record and no association wants.
// Does not own: finding them (compare.ts). Invariants:
// ORP-1 only what was approved, name and mark, and only if it is still so under the name's lock;
// ORP-2 a name whose association is there is never collected: it is on its way to be ours again;
// ORP-3 nobody else's version lies under it, as a delete takes all versions along (P3).
import { type DriftFinding, policyOf } from "@keyferry/contracts";
import { KeyferryError, toKeyferryError } from "@keyferry/errors";
import type { SecretVersion } from "@keyferry/key-vault";
import { type Owner, readOwner } from "@keyferry/naming";
import type { Lock } from "@keyferry/state";
import { Grant } from "../apply/attempt.ts";
import { LOCK_LEASE_MS, LOCK_LEFT_MS_MIN, VERSION_PAGES_MAX, WRITE_DEADLINE_MS } from "../apply/limits.ts";
import type { OpenDestination, SinkDependencies } from "../ports.ts";
import { markText, type Orphan } from "./compare.ts";
import { orphaned } from "./report.ts";

/** Where orphans are collected. */
export interface Collecting {
  readonly deps: SinkDependencies;
  readonly destination: OpenDestination;
  readonly signal: AbortSignal;
}

/** Deletes one approved orphan, or says why not. Throws state-* and bus-* errors. */
export async function collectOrphan(orphan: Orphan, collecting: Collecting): Promise<DriftFinding> {
  const { deps, destination } = collecting;
  const left = (detail: string): DriftFinding => ({ ...orphaned(orphan), detail });
  if (await deps.associations.isKnown(orphan.association)) {
    return left("Its association is there: it is synced again by itself");
  }
  const lower = orphan.name.toLowerCase();
  const lock = await deps.memory.locks.take(destination.vault.vaultHost, lower, LOCK_LEASE_MS);
  if (lock === undefined) return left("Another sink is at work on it");
  try {
    return await collectUnderLock(orphan, lower, lock, collecting);
  } catch (thrown) {
    const { code, message } = toKeyferryError(thrown);
    return left(`It was not collected: ${code}: ${message}`);
  } finally {
    void deps.memory.locks.release(lock).catch(() => false);
  }
}

async function collectUnderLock(
  orphan: Orphan,
  lower: string,
  lock: Lock,
  collecting: Collecting,
): Promise<DriftFinding> {
  const { deps, destination } = collecting;
  const { vault, record } = destination;
  const { versions, complete } = await paced(collecting, (signal) =>
    vault.versions(orphan.name, { signal, pagesMax: VERSION_PAGES_MAX }),
  );
  const { instanceId, tagKeys } = deps.identity;
  const placement = { instanceId, vaultHost: vault.vaultHost, lowerName: lower };
  const owners = versions.map((version) => ({
    version,
    owner: readOwner(version.tags, placement, tagKeys),
  }));
  const why = complete
    ? await whyNot(orphan, owners, collecting)
    : "It has more versions than are looked through";
  if (why !== undefined) return { ...orphaned(orphan), detail: why };
  if (lock.leftMs() < LOCK_LEFT_MS_MIN) throw new KeyferryError("lock-lost", "The name's lock ran out");
  // Checked last: a pause that came meanwhile counts.
  if (deps.pauses.isPaused(record.uid)) return { ...orphaned(orphan), detail: "Writing there is paused" };
  const result = await paced(collecting, (signal) => vault.delete(orphan.name, { signal }));
  if (result.kind === "conflict") {
    throw new KeyferryError("vault-conflict", `Key Vault answers that it is ${result.reason}`);
  }
  deps.events.orphanCollected({ destination: record.uid, name: orphan.name });
  return {
    ...orphaned(orphan),
    action: "collected",
    detail: "Deleted; Key Vault keeps it soft-deleted for a while",
  };
}

async function whyNot(
  orphan: Orphan,
  owners: readonly { readonly version: SecretVersion; readonly owner: Owner }[],
  { deps }: Collecting,
): Promise<string | undefined> {
  const newest = Math.max(...owners.map(({ version }) => version.createdOn));
  const latest = owners.filter(({ version }) => version.createdOn === newest);
  const isAsSeen = latest.some(({ owner }) => owner.kind === "ours" && markText(owner) === orphan.mark);
  if (!isAsSeen || latest.some(({ owner }) => owner.kind !== "ours")) {
    return "It is not what was approved any more: look again";
  }
  for (const { version, owner } of owners) {
    if (version.managed) return "It backs a certificate";
    if (owner.kind === "other-instance" || owner.kind === "unknown-key") {
      return "An older version of it carries somebody else's mark";
    }
    if (owner.kind === "ours" && (await deps.associations.isKnown(owner.association))) {
      return "An association that is there has written to it";
    }
  }
  return undefined;
}

async function paced<T>(
  { deps, destination, signal }: Collecting,
  send: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { vault, record } = destination;
  const host = { host: vault.vaultHost, rateGroup: policyOf(record.policy).rateGroup };
  const grant = new Grant(deps, await deps.memory.pacing.acquire(host, "other", "bulk", signal));
  return grant.use(() => send(AbortSignal.any([signal, AbortSignal.timeout(WRITE_DEADLINE_MS)])));
}
