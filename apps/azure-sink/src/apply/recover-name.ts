import { KeyferryError, toKeyferryError } from "@keyferry/errors";
import { newOpId } from "@keyferry/naming";
import { endName, openIntent } from "../record/record.ts";
import { withLateCheck } from "../record/late-checks.ts";
import type { LoadedRecord } from "../record/record-store.ts";
import { type Attempt, deadlineSignal, endsUnclearly, type NameResult, pacedRead } from "./attempt.ts";
import { policyWithLeave } from "./adoption.ts";
import { lookAtDeleted } from "./claim.ts";
import { WRITE_DEADLINE_MS } from "./limits.ts";
import { refusalOf } from "./ownership.ts";

/**
 * Recovers our soft-deleted secret so that it can be written again; the write follows as the probe, seconds to
 * minutes later. Its owner is looked at first (P3), and the intent comes first, so that a crash after the recovery
 * cannot leave a deleted secret alive (hazard recover-then-crash). Runs under the caller's lock.
 */
export async function recoverName(attempt: Attempt, name: string, loaded: LoadedRecord): Promise<NameResult> {
  const { deps, destination, command } = attempt;
  const ownership = await lookAtDeleted(attempt, name);
  if (ownership === undefined) return { kind: "waiting", loaded, error: waitingFor(name) };
  const refusal = refusalOf(ownership, name, policyWithLeave(attempt, name.toLowerCase(), "deleted"));
  if (refusal !== undefined) {
    return refusal.retry === "hopeless"
      ? { kind: "refused", loaded, error: refusal }
      : { kind: "waiting", loaded, error: refusal };
  }
  const intent = {
    opId: newOpId(deps.random),
    action: "recover" as const,
    fence: attempt.fence,
    deadlineMs: WRITE_DEADLINE_MS,
  };
  const opened = await attempt.store.append(
    openIntent(loaded.record, name, intent, deps.clock.now()),
    loaded.sequence,
    command.epoch,
  );
  if (opened === undefined) return { kind: "replan" };
  const recovering: LoadedRecord = {
    ...opened,
    record: endName(opened.record, name, { kind: "recovering" }),
  };
  try {
    await pacedRead(attempt, () =>
      destination.vault.recover(name, { signal: deadlineSignal(attempt.signal) }),
    );
  } catch (thrown) {
    // Whether it had an effect or not, the name counts as recovering: the next write tells.
    const error = toKeyferryError(thrown);
    if (!endsUnclearly(error)) return { kind: "waiting", loaded: recovering, error };
    const record = withLateCheck(recovering.record, name, intent, deps.clock.now());
    return { kind: "waiting", loaded: { ...recovering, record }, error };
  }
  deps.events.externalSecretRecovered({ command, name });
  return { kind: "waiting", loaded: recovering, error: waitingFor(name) };
}

function waitingFor(name: string): KeyferryError {
  return new KeyferryError("vault-conflict", `${name} is being recovered in Key Vault`, { name });
}
