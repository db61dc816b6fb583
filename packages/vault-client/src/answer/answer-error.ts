import { assertNever, type ErrorDetails, KeyferryError } from "@keyferry/errors";
import type { ReadAnswer } from "./classify-answer.ts";

type Failure = Exclude<ReadAnswer, { kind: "live" | "dead" | "absent" }>;

/** The error for an answer that is not a result. `what` names the operation and the path, never a value. */
export function errorOfAnswer(answer: ReadAnswer, what: string, details: ErrorDetails = {}): KeyferryError {
  switch (answer.kind) {
    case "live":
    case "dead":
    case "absent":
      // A result where the operation has no use for it, e.g. a 404 to a health check.
      return new KeyferryError("source-answer-unknown", `${what}: an answer that does not fit`, details);
    case "mount-missing":
    case "denied":
    case "sealed":
    case "behind":
    case "poisoned":
    case "unknown":
      return failure(answer, what, details);
    default:
      return assertNever(answer);
  }
}

function failure(answer: Failure, what: string, details: ErrorDetails): KeyferryError {
  switch (answer.kind) {
    case "mount-missing":
      return new KeyferryError("mount-missing", `${what}: nothing is mounted there`, details);
    case "denied":
      return new KeyferryError("source-denied", `${what}: permission denied`, details);
    case "sealed":
      return new KeyferryError("source-sealed", `${what}: the server is sealed`, details);
    case "behind":
      return new KeyferryError("source-behind", `${what}: the node is behind or limits requests`, details);
    case "poisoned":
      return new KeyferryError("secret-poisoned", `${what}: the version's data is missing`, details);
    case "unknown":
      return new KeyferryError(
        "source-answer-unknown",
        `${what}: status ${answer.status} in words that are not Vault's`,
        {
          ...details,
          status: answer.status,
        },
      );
    default:
      return assertNever(answer);
  }
}
