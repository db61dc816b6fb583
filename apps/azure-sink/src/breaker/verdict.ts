import type { ErrorCode, KeyferryError } from "@keyferry/errors";
import type { Verdict } from "./breaker.ts";

/** Failures of the destination as a whole, not of one name. */
const OF_THE_DESTINATION: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "vault-denied",
  "vault-credential",
  "address-prohibited",
  "vault-unreachable",
]);

/** Answers to a write that only a vault gives that takes our writes. */
const OF_AN_ANSWER: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "vault-conflict",
  "vault-throttled",
  "vault-rejected",
]);

/** True for a failure that all other commands of the destination would meet too. */
export function isOfTheDestination({ code }: KeyferryError): boolean {
  return OF_THE_DESTINATION.has(code);
}

/** What a command's work says of its destination. A look that went well is no proof that writes will. */
export function verdictOf(work: {
  readonly wrote: boolean;
  readonly errors: readonly KeyferryError[];
}): Verdict {
  if (work.errors.some(isOfTheDestination)) return "failure";
  return work.wrote || work.errors.some(({ code }) => OF_AN_ANSWER.has(code)) ? "success" : "neutral";
}
