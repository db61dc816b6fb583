// Owns: what follows when a sink says that a connection does not work: a refusal where the destination itself is certainly
// wrong, a warning for all else, as roles, DNS and firewalls are often mended a minute later. Does not own the looking: a
// sink does it, from where it will write and as who will write.

import type { CheckFinding, Connection } from "@keyferry/contracts";
import { badRequest } from "../gateway/refusal.ts";
import type { ConnectionChecks } from "../ports.ts";

/** `refuse`, `warn` or `off`: the configuration's word. */
export type CheckMode = "refuse" | "warn" | "off";

// Within the patience of a request, with what else a write takes.
const WAIT_MS = 10_000;

/**
 * Asks a sink about a connection that is to be written; gives warnings. No answer is no warning: nothing is known then.
 * @throws Refusal 400 where the connection is certainly wrong
 */
export async function judgeConnection(
  checks: ConnectionChecks,
  mode: CheckMode,
  destination: string,
  connection: Connection,
): Promise<readonly string[]> {
  if (mode === "off") return [];
  const findings = (await askSink(checks, destination, connection, false)) ?? [];
  const wrong = findings.filter(({ ok }) => !ok);
  const certain = wrong.filter(({ isCertain }) => isCertain);
  if (mode === "refuse" && certain.length > 0) {
    throw badRequest(
      ...certain.map(sentence),
      "the connection was checked before it was written: skip_connection_check=true writes it all the same",
    );
  }
  return wrong.map((finding) => `connection check: ${sentence(finding)}`);
}

/** A sink's findings; undefined: none answered. */
export function askSink(
  checks: ConnectionChecks,
  destination: string,
  connection: Connection,
  write: boolean,
): Promise<readonly CheckFinding[] | undefined> {
  return checks.ask({ major: 1, destination, connection, write, waitMs: WAIT_MS });
}

function sentence({ check, detail, advice }: CheckFinding): string {
  return `${check}: ${detail}${advice === undefined ? "" : `. ${advice}`}`;
}
