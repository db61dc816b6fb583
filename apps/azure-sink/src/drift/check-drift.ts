import { type DriftFinding, type DriftReport, policyOf, type SyncRecord } from "@keyferry/contracts";
import { KeyferryError, toKeyferryError } from "@keyferry/errors";
import { type Attempt, Grant, type NameResult, pacedRead, underLock } from "../apply/attempt.ts";
import { claimantOf } from "../apply/claim.ts";
import { withRepairDue } from "../apply/late-writes.ts";
import { VERSION_PAGES_MAX } from "../apply/limits.ts";
import { isOurs } from "../apply/outcome.ts";
import type { OpenDestination, SinkDependencies } from "../ports.ts";
import type { RecordStore } from "../record/record-store.ts";
import {
  type CompareWith,
  compareRecord,
  findOrphans,
  heldNames,
  type Listed,
  type ListedName,
  liveNames,
  type Suspect,
} from "./compare.ts";
import { collectOrphan } from "./collect.ts";
import { confirm, toBeRepaired } from "./confirm.ts";
import { type Asked, countsOf, FINDINGS_MAX, orphaned, unconfirmed, whyOnlyReport } from "./report.ts";

// Owns: one look at a whole vault: a list, the records behind it, a second look at what differs. It writes nothing to
// the vault: a repair is a change of the record, from which the ordinary path does the rest, as with late writes.

/** Suspects looked at side by side. */
const CONFIRMING = 8;

export interface DriftDependencies extends SinkDependencies {
  readonly records: {
    loadLast(destination: string, signal: AbortSignal): AsyncIterable<{ readonly value: SyncRecord }>;
  };
  /** How old a record has to be to be compared. */
  readonly settledMs: number;
}

/** Looks, and orders repairs as far as the mode and the policy allow. Throws state-* and bus-* errors. */
export async function checkDrift(
  asked: Asked,
  store: RecordStore,
  deps: DriftDependencies,
  signal: AbortSignal,
): Promise<DriftReport> {
  const startedAtMs = deps.clock.now();
  const { collect: _, evenIfMany: _many, ...told } = asked;
  const base = {
    major: 1 as const,
    ...told,
    startedAt: new Date(startedAtMs).toISOString(),
    listed: 0,
    owned: 0,
    counts: {},
    findings: [],
  };
  const finished = (): { finishedAt: string } => ({ finishedAt: new Date(deps.clock.now()).toISOString() });
  try {
    const destination = await deps.destinations.open(asked.destination, signal);
    if (destination === undefined) {
      throw new KeyferryError("not-found", "The destination is not known here");
    }
    const look = { asked, store, deps, destination, signal };
    const listed = await listVault(look);
    const seen = await compareAll(look, listed, startedAtMs);
    const found = await judgeAll(look, seen);
    // By name, so that two looks at the same vault read the same.
    const findings = [...found.findings, ...(await judgeOrphans(look, seen))].sort((a, b) =>
      a.name < b.name ? -1 : 1,
    );
    return {
      ...base,
      ...finished(),
      listed: listed.size,
      owned: seen.owned,
      counts: countsOf(findings),
      findings: findings.slice(0, FINDINGS_MAX),
      onlyReported: found.onlyReported,
      failure: null,
    };
  } catch (thrown) {
    const error = toKeyferryError(thrown);
    if (isOurs(error)) throw error;
    // A list that ends early says nothing about what it did not show (hazard drift-list-cut-short).
    const failure = `${error.code}: ${error.message}. ${error.advice}`;
    return { ...base, ...finished(), onlyReported: "the look was not completed", failure };
  }
}

interface Look {
  readonly asked: Asked;
  readonly store: RecordStore;
  readonly deps: DriftDependencies;
  readonly destination: OpenDestination;
  readonly signal: AbortSignal;
}

// Page by page within the vault's rate, behind everything live.
async function listVault({ deps, destination, signal }: Look): Promise<Listed> {
  const { vault, record } = destination;
  const paced = { host: vault.vaultHost, rateGroup: policyOf(record.policy).rateGroup };
  const pages = vault.list({ signal });
  const listed = new Map<string, ListedName>();
  for (;;) {
    const grant = new Grant(deps, await deps.memory.pacing.acquire(paced, "other", "bulk", signal));
    const page = await grant.use(() => pages.next());
    if (page.done === true) return listed;
    for (const { name, tags, enabled, contentType, notBefore, expires, managed } of page.value) {
      if (!managed) listed.set(name.toLowerCase(), { name, tags, enabled, contentType, notBefore, expires });
    }
  }
}

interface Seen {
  readonly owned: number;
  readonly suspects: readonly Suspect[];
  readonly orphans: ReturnType<typeof findOrphans>;
}

// The records are read after the list: whatever the list shows of ours has its intent in them.
async function compareAll(
  { asked, deps, destination, signal }: Look,
  listed: Listed,
  startedAtMs: number,
): Promise<Seen> {
  const { instanceId, tagKeys } = deps.identity;
  const placement = { instanceId, vaultHost: destination.vault.vaultHost };
  const context: CompareWith = { startedAtMs, settledMs: deps.settledMs, placement, tagKeys };
  const suspects: Suspect[] = [];
  const held = new Set<string>();
  let owned = 0;
  for await (const { value: record } of deps.records.loadLast(asked.destination, signal)) {
    owned += liveNames(record).length;
    for (const lower of heldNames(record)) held.add(lower);
    suspects.push(...compareRecord(record, listed, context));
  }
  return { owned, suspects, orphans: findOrphans(listed, held, context) };
}

/** Orphans are reported; those that a person approved are deleted. */
async function judgeOrphans(
  { asked, deps, destination, signal }: Look,
  { orphans }: Seen,
): Promise<readonly DriftFinding[]> {
  const approved = new Set((asked.collect ?? []).map(({ name, mark }) => `${name}\n${mark}`));
  const findings: DriftFinding[] = [];
  for (const orphan of orphans) {
    const isApproved = approved.has(`${orphan.name}\n${orphan.mark}`);
    findings.push(isApproved ? await collectOrphan(orphan, { deps, destination, signal }) : orphaned(orphan));
  }
  return findings;
}

async function judgeAll(
  look: Look,
  { suspects, owned }: Seen,
): Promise<{ findings: readonly DriftFinding[]; onlyReported: string | null }> {
  const isPaused = look.deps.pauses.isPaused(look.asked.destination);
  const evenIfMany = look.asked.evenIfMany === true;
  const onlyReported = whyOnlyReport(suspects, owned, { isPaused, evenIfMany });
  if (onlyReported !== null) return { findings: suspects.map(unconfirmed), onlyReported };
  const queue = suspects[Symbol.iterator]();
  const findings: DriftFinding[] = [];
  const worker = async (): Promise<void> => {
    for (const suspect of queue) {
      const finding = await judgeOne(look, suspect);
      if (finding !== undefined) findings.push(finding);
    }
  };
  await Promise.all(Array.from({ length: CONFIRMING }, worker));
  return { findings, onlyReported };
}

async function judgeOne(look: Look, suspect: Suspect): Promise<DriftFinding | undefined> {
  const { deps, destination, store, signal, asked } = look;
  const last = await deps.commands.last(asked.destination, suspect.secretKey);
  // No command: the pair is dead, and its record goes. It is not wished any more.
  if (last === undefined) return undefined;
  const { value: command, sequence } = last;
  const fence = { epoch: command.epoch, sequence };
  const policy = policyOf(destination.record.policy);
  const attempt: Attempt = {
    command,
    fence,
    lane: "bulk",
    destination,
    policy,
    store,
    deps,
    signal,
    isWoken: true,
    // Not out of the stream: whether it is the last is asked for.
    takenAtMs: 0,
  };
  let finding: DriftFinding | undefined;
  await underLock(attempt, suspect.lower, "other", async (_lock, grant): Promise<NameResult> => {
    const loaded = await store.load(command, { fresh: true });
    const { consumed } = loaded.record;
    // A newer command is on its way, and sees to the name.
    const isPending = consumed.epoch !== fence.epoch || consumed.sequence < fence.sequence;
    const known = loaded.record.names[suspect.lower];
    if (isPending || known === undefined) return { kind: "done", loaded, wrote: false };
    const found = await pacedRead(
      attempt,
      (aborting) =>
        destination.vault.versions(suspect.name, { signal: aborting, pagesMax: VERSION_PAGES_MAX }),
      grant,
    );
    const confirmed = confirm(suspect, known, found, claimantOf(attempt, suspect.name));
    if (confirmed === undefined) return { kind: "done", loaded, wrote: false };
    const { secretKey, secret, name } = suspect;
    const { kind, detail } = confirmed;
    finding = { kind, detail, name, secretKey, secret, action: "reported" };
    if (!confirmed.mayRepair || !isToRepair(kind, asked, policy.handEdits)) {
      return { kind: "done", loaded, wrote: false };
    }
    const names = { ...loaded.record.names, [suspect.lower]: toBeRepaired(known, confirmed) };
    const error = new KeyferryError("drifted", `${name} is not as it was written: ${detail}`, { name, kind });
    const record = withRepairDue({ ...loaded.record, names }, error, deps.clock.now());
    const stored = await store.append(record, loaded.sequence, command.epoch);
    // Overtaken: whoever it was has looked at the name.
    if (stored === undefined) return { kind: "done", loaded, wrote: false };
    await deps.memory.later.park(command.destination, command.secretKey, deps.clock.now());
    finding = { ...finding, action: "repaired" };
    return { kind: "done", loaded: stored, wrote: false };
  });
  return finding;
}

/** By itself, what nobody wants is repaired, and what somebody did is not unless the destination says so. */
function isToRepair(
  kind: Suspect["kind"],
  { mode, requestedAt }: Asked,
  handEdits: "report" | "repair",
): boolean {
  if (mode === "check") return false;
  return kind !== "edited" || requestedAt !== null || handEdits === "repair";
}
