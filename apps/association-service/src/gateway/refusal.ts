// Owns: how a request is refused: a status and Vault's list of errors. Everything that goes wrong while a request is
// handled becomes one of these at the server's edge.

import { type ErrorCode, type KeyferryError, toKeyferryError } from "@keyferry/errors";

/** A request that is answered with an error, in Vault's shape: `{"errors": […]}`. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  readonly errors: readonly string[];

  constructor(status: number, errors: readonly string[]) {
    super(errors.join("; "));
    this.status = status;
    this.errors = errors;
  }
}

/** 400: each string names one wrong field and the fix. */
export function badRequest(...errors: string[]): Refusal {
  return new Refusal(400, errors);
}

/** 404 as Vault answers it where there is nothing: an empty list of errors. */
export function absent(): Refusal {
  return new Refusal(404, []);
}

/** 404 in Vault's words for a path below `sys/` that nobody has. */
export function unsupportedPath(): Refusal {
  return new Refusal(404, ["1 error occurred:\n\t* unsupported path\n\n"]);
}

/** 405 in Vault's words for a path that has no such operation. */
export function unsupportedOperation(): Refusal {
  return new Refusal(405, ["1 error occurred:\n\t* unsupported operation\n\n"]);
}

/** 404 in OpenBao's words, whatever the path and the token. */
export function namespaceMissing(): Refusal {
  return new Refusal(404, ["namespace not found"]);
}

/** Vault's own words for a policy that does not allow it. */
export function permissionDenied(): Refusal {
  return new Refusal(403, ["1 error occurred:\n\t* permission denied\n\n"]);
}

/** 503 with the name of what is away. Vault's clients retry on it by themselves. */
export function unavailable(what: string): Refusal {
  return new Refusal(503, [what]);
}

/** Whatever was thrown, as an answer. */
export function toRefusal(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown;
  const fromServer = fromHttpServer(thrown);
  if (fromServer !== undefined) return fromServer;
  if (thrown instanceof Error && thrown.name === "TimeoutError") {
    return unavailable(
      "NATS or the source did not answer in time. Repeat the request; /readyz tells what is away.",
    );
  }
  const error = toKeyferryError(thrown);
  return ANSWERS[error.code]?.(error) ?? unavailable(describe(error));
}

// Everything else is a server that is away, or one that is not set up: 503, and what to do.
const ANSWERS: Partial<Record<ErrorCode, (error: KeyferryError) => Refusal>> = {
  "request-invalid": (error) => badRequest(describe(error)),
  "permission-denied": permissionDenied,
  "not-found": absent,
  "operation-aborted": () =>
    unavailable("Keyferry is stopping, or what it asked did not answer in time. Repeat the request."),
  unexpected: () => new Refusal(500, ["internal error"]),
};

function describe(error: KeyferryError): string {
  return `${error.message}. ${error.advice}`;
}

// Fastify's own refusals (body too large, not JSON, unknown media type) carry a status and a text without request data.
function fromHttpServer(thrown: unknown): Refusal | undefined {
  if (!(thrown instanceof Error) || !("statusCode" in thrown)) return undefined;
  const { statusCode } = thrown;
  if (typeof statusCode !== "number" || statusCode < 400 || statusCode > 499) return undefined;
  return new Refusal(statusCode, [thrown.message]);
}
