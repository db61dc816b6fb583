import { toKeyferryError } from "@keyferry/errors";
import { newOpId } from "@keyferry/naming";
import type { Lock } from "@keyferry/state";
import { endName, type NameEnd, openIntent } from "../record/record.ts";
import type { LoadedRecord } from "../record/record-store.ts";
import { type Attempt, deadlineSignal, endsUnclearly, type NameResult } from "./attempt.ts";
import { WRITE_DEADLINE_MS } from "./limits.ts";
import { conflictError, holdsLongEnough, lockLost, refusedOrWaiting } from "./put-name.ts";

type Taken =
  | { readonly kind: "deleted" | "purged" | "absent" }
  | { readonly kind: "conflict"; readonly reason: string };

export interface TakeAway {
  readonly name: string;
  readonly lock: Lock;
  /** The one call to Key Vault that takes it away. */
  readonly send: (signal: AbortSignal) => Promise<Taken>;
  /** How the name stands when it has worked, or there was nothing. */
  readonly end: NameEnd;
  readonly tell: () => void;
  /** What comes of a refusal by Key Vault; absent: it is waited for, as any other. */
  readonly denied?: (opened: LoadedRecord) => NameResult;
}

/** The name's part of a record, ended. */
export function endedAs(from: LoadedRecord, name: string, end: NameEnd): LoadedRecord {
  return { ...from, record: endName(from.record, name, end) };
}

/**
 * Takes a secret of ours away, by delete or purge, under the caller's lock and after its look: intent, call within the
 * deadline, end. A purge's intent is a delete's too: whoever has to finish it finds a deleted name, and goes on from there.
 */
export async function takeAway(
  attempt: Attempt,
  loaded: LoadedRecord,
  { name, lock, send, end, tell, denied }: TakeAway,
): Promise<NameResult> {
  const { deps, command, fence, store } = attempt;
  const intent = {
    opId: newOpId(deps.random),
    action: "delete" as const,
    fence,
    deadlineMs: WRITE_DEADLINE_MS,
  };
  const record = openIntent(loaded.record, name, intent, deps.clock.now());
  const opened = await store.append(record, loaded.sequence, command.epoch);
  if (opened === undefined) return { kind: "replan" };
  const untouched = (): LoadedRecord => endedAs(opened, name, { kind: "untouched" });
  try {
    if (!(await holdsLongEnough(attempt, lock)))
      return { kind: "waiting", loaded: untouched(), error: lockLost() };
    const result = await send(deadlineSignal(attempt.signal));
    if (result.kind === "conflict")
      return { kind: "waiting", loaded: untouched(), error: conflictError(name, result.reason) };
    tell();
    return { kind: "done", wrote: result.kind !== "absent", loaded: endedAs(opened, name, end) };
  } catch (thrown) {
    const error = toKeyferryError(thrown);
    if (error.code === "vault-denied" && denied !== undefined) return denied(opened);
    if (endsUnclearly(error)) return { kind: "waiting", loaded: opened, error, waitMs: WRITE_DEADLINE_MS };
    return refusedOrWaiting(error, untouched());
  }
}
