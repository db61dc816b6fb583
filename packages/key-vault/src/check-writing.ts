// Owns: proving that an identity may write: a secret with a name and a mark of its own is written, changed and removed.
// Invariant: what does not carry the mark is not touched (P3).
import { randomBytes, randomUUID } from "node:crypto";
import type { CheckFinding } from "@keyferry/contracts";
import { KeyferryError, toKeyferryError } from "@keyferry/errors";
import { type Clock, SecretValue } from "@keyferry/ports";
import { bad, deniedFinding, good } from "./findings.ts";
import type { KeyVault, Tags } from "./key-vault.ts";

const MARK = "keyferry-probe";
const PAGES_MAX = 4;
const WAIT_MS = 500; // between two looks at a recovery, which takes Azure seconds

/** Writes and removes `keyferry-probe-<probe>`. Never rejects. */
export async function checkWriting(
  vault: KeyVault,
  probe: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<CheckFinding[]> {
  const name = `${MARK}-${probe}`;
  const findings: CheckFinding[] = [];
  const step = async <T>(
    check: CheckFinding["check"],
    detail: string,
    work: () => Promise<T>,
  ): Promise<T> => {
    try {
      const result = await work();
      findings.push(good(check, detail));
      return result;
    } catch (thrown) {
      findings.push(signal.aborted ? unproven(check, name) : deniedFinding(check, toKeyferryError(thrown)));
      throw thrown;
    }
  };
  try {
    // Of a name that nobody has: whoever may gets "not there", and nothing is changed.
    await step("recover", "deleted secrets can be recovered", () =>
      vault.recover(`${MARK}-${randomUUID()}`, { signal }),
    );
    await refuseForeign(vault, name, probe, signal);
    const version = await step("set", `${name} was written`, () => write(vault, name, probe, clock, signal));
    await step("update", "its tags were changed", () =>
      vault.patch(name, version, { tags: { [MARK]: probe, checked: "true" } }, { signal }),
    );
    await step("delete", "it was removed again; Azure keeps it soft-deleted for a while", () =>
      vault.delete(name, { signal }),
    );
  } catch (thrown) {
    const error = toKeyferryError(thrown);
    if (findings.every(({ ok }) => ok)) findings.push(bad("set", error.message, error.advice, false));
  }
  return findings;
}

// Azure takes seconds to minutes to recover the probe of the check before (reference): no sign of a missing right.
function unproven(check: CheckFinding["check"], name: string): CheckFinding {
  const detail = `not proven this time: Key Vault was still at work on ${name} when the time was over`;
  return bad(check, detail, "Repeat it in two minutes.", false);
}

async function refuseForeign(
  vault: KeyVault,
  name: string,
  probe: string,
  signal: AbortSignal,
): Promise<void> {
  const { versions } = await vault.versions(name, { signal, pagesMax: PAGES_MAX });
  if (versions.every(({ tags }) => isProbe(tags, probe))) return;
  throw new KeyferryError("foreign-owner", `${name} exists and is no probe of this instance`);
}

async function write(
  vault: KeyVault,
  name: string,
  probe: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<string> {
  const secret = { value: new SecretValue(randomBytes(8).toString("hex")), tags: { [MARK]: probe } };
  let isRecovering = false;
  for (;;) {
    signal.throwIfAborted();
    const put = await vault.put(name, secret, { signal });
    if (put.kind === "put") return put.version;
    if (put.reason === "deleted-recoverable" && !isRecovering) {
      const deleted = await vault.deleted(name, { signal });
      if (deleted.kind === "deleted" && !isProbe(deleted.tags, probe)) {
        throw new KeyferryError("foreign-owner", `${name} was deleted and is no probe of this instance`);
      }
      await vault.recover(name, { signal });
      isRecovering = true;
    }
    await clock.sleep(WAIT_MS, signal);
  }
}

function isProbe(tags: Tags, probe: string): boolean {
  return tags[MARK] === probe;
}
