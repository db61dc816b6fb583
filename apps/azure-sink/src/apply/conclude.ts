import { type Outcome, wishDigest } from "@keyferry/contracts";
import type { SinkDependencies } from "../ports.ts";
import { nextLateCheckMs } from "../record/late-checks.ts";
import { withOutcome } from "../record/record.ts";
import type { LoadedRecord, RecordStore } from "../record/record-store.ts";
import { LATE_CHECK_RETRY_MS } from "./limits.ts";
import { type End, waitingOutcome } from "./outcome.ts";
import type { SyncRequest } from "./request.ts";

/** What the end of a command needs. */
export interface Ending {
  readonly request: SyncRequest;
  readonly store: RecordStore;
  readonly deps: SinkDependencies;
}

/** Records how a command ended, and parks what is to be looked at again. `replan`: another sink was faster. */
export async function conclude(
  { request, store, deps }: Ending,
  loaded: LoadedRecord,
  end: End,
): Promise<{ readonly kind: "consumed" | "replan" }> {
  const { command, fence } = request;
  const { destination, secretKey } = command;
  const nowMs = deps.clock.now();
  const outcome =
    end.kind === "outcome" ? end.outcome : await waitingOutcome(end.failure, request, deps, nowMs);
  const record = withOutcome(loaded.record, { command, fence, wish: wishDigest(command), outcome, nowMs });
  const stored = await store.append(record, loaded.sequence, command.epoch);
  if (stored === undefined) return { kind: "replan" };
  await parkForLater(request, stored, deps);
  const wasWaiting = loaded.record.outcome?.kind === "waiting";
  if (wasWaiting && outcome.kind !== "waiting") await deps.memory.attempts.clear(destination, secretKey);
  if (outcome.kind === "refused" && isNews(request, loaded.record.outcome, outcome)) {
    await reportDead(request, deps, outcome);
  }
  deps.events.outcome({ command, outcome, nowMs });
  return { kind: "consumed" };
}

// The same refusal again, as settle's looks find it every few hours, is no news; to a person who asked for it, it is.
function isNews(
  { command }: SyncRequest,
  before: Outcome | null,
  outcome: Extract<Outcome, { kind: "refused" }>,
): boolean {
  if (command.reason === "replay") return true;
  return before?.kind !== "refused" || before.error.code !== outcome.error.code;
}

/** Parks the pair for the first time at which its record wants it to be looked at, if there is one. */
export async function parkForLater(
  { command }: SyncRequest,
  { record }: LoadedRecord,
  { memory, clock }: Pick<SinkDependencies, "memory" | "clock">,
): Promise<void> {
  const { outcome } = record;
  const times = outcome?.kind === "waiting" ? [outcome.until] : [];
  const nextLookMs = nextLateCheckMs(record);
  // A look that is overdue could not be made just now.
  if (nextLookMs !== undefined) times.push(Math.max(nextLookMs, clock.now() + LATE_CHECK_RETRY_MS));
  if (times.length > 0) await memory.later.park(command.destination, command.secretKey, Math.min(...times));
}

async function reportDead(
  { command, fence }: SyncRequest,
  deps: SinkDependencies,
  outcome: Extract<Outcome, { kind: "refused" }>,
): Promise<void> {
  const { destination, secretKey } = command;
  const letter = {
    major: 1 as const,
    service: "azure-sink",
    subject: `${destination}.${secretKey}`,
    sequence: fence.sequence,
    reason: outcome.error.code,
    error: outcome.error,
    at: new Date(deps.clock.now()).toISOString(),
  };
  await deps.deadLetters.publish(letter, destination, secretKey);
}
