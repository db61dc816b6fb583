// Owns: what a failed exchange means to Keyferry. Works from the facts that the transport noted, never from the SDK's
// error, which is dropped: after a connection error it holds the secret (hazard error-carries-the-body).
import { type ErrorCode, type ErrorDetails, KeyferryError } from "@keyferry/errors";
import type { Answer, Exchange, RetryAfter } from "./exchange.ts";

export interface Attempt {
  readonly operation: string;
  /** It can change something in the vault, so a missing answer leaves open whether it did. */
  readonly writes: boolean;
  readonly signal: AbortSignal;
}

/** The error of a call that ended without a usable answer. */
export function toVaultError(
  thrown: unknown,
  attempt: Attempt,
  exchange: Exchange | undefined,
  nowMs: number,
): KeyferryError {
  if (exchange?.failure !== undefined) return noAnswer(attempt, exchange, exchange.failure);
  if (thrown instanceof KeyferryError) return thrown;
  const answer = exchange?.answer;
  if (answer !== undefined && answer.status >= 300) return refused(attempt, answer, nowMs);
  if (answer !== undefined && exchange?.authenticated === true) return unusable(attempt, answer);
  if (attempt.signal.aborted) return aborted(attempt);
  // The SDK gave up before anything was sent: a challenge that is not Key Vault's, say.
  return new KeyferryError("vault-error", "Key Vault's client refused to go on", details(attempt, answer));
}

function noAnswer(attempt: Attempt, exchange: Exchange, why: string): KeyferryError {
  const facts = { operation: attempt.operation, code: why };
  if (attempt.writes && exchange.sent && exchange.authenticated) {
    return new KeyferryError(
      "answer-lost",
      "The write was sent to Key Vault and its answer did not arrive",
      facts,
    );
  }
  if (exchange.prohibited !== undefined)
    return new KeyferryError("address-prohibited", exchange.prohibited, facts);
  if (attempt.signal.aborted) return aborted(attempt);
  return new KeyferryError("vault-unreachable", `Key Vault did not answer: ${why}`, facts);
}

function aborted(attempt: Attempt): KeyferryError {
  return new KeyferryError("operation-aborted", "The operation was aborted", {
    operation: attempt.operation,
  });
}

/** An answer of success that cannot be read: what was asked for has happened. */
function unusable(attempt: Attempt, answer: Answer): KeyferryError {
  const code: ErrorCode = attempt.writes ? "answer-lost" : "vault-error";
  return new KeyferryError(code, "Key Vault's answer could not be read", details(attempt, answer));
}

function refused(attempt: Attempt, answer: Answer, nowMs: number): KeyferryError {
  const code = codeFor(answer.status);
  const inner = answer.innerCode ?? answer.code;
  const message = `Key Vault answered ${answer.status}${inner === undefined ? "" : ` ${inner}`} to ${attempt.operation}`;
  const retryAfterMs = parseRetryAfter(answer.retryAfter, nowMs);
  return new KeyferryError(code, message, {
    ...details(attempt, answer),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    // A gateway's 5xx can come after the effect; who wrote has to look.
    ...(attempt.writes && answer.status >= 500 ? { unclear: true } : {}),
  });
}

function codeFor(status: number): ErrorCode {
  switch (status) {
    case 400:
    case 405:
    case 413:
      return "vault-rejected";
    case 401:
      return "vault-credential";
    case 403:
      return "vault-denied";
    case 409:
      return "vault-conflict";
    case 429:
      return "vault-throttled";
    default:
      return "vault-error";
  }
}

function details(attempt: Attempt, answer: Answer | undefined): ErrorDetails {
  return {
    operation: attempt.operation,
    status: answer?.status ?? null,
    code: answer?.code ?? null,
    innerCode: answer?.innerCode ?? null,
    requestId: answer?.requestId ?? null,
  };
}

const RETRY_AFTER_MS_MAX = 3_600_000; // an hour; a clock that is wrong must not park a vault for days

/** Milliseconds from now, where the header says something sensible. */
export function parseRetryAfter(retryAfter: RetryAfter | undefined, nowMs: number): number | undefined {
  if (retryAfter === undefined) return undefined;
  const { unit, text } = retryAfter;
  const ms = /^\d{1,10}$/.test(text) ? Number(text) * (unit === "ms" ? 1 : 1000) : Date.parse(text) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX) : undefined;
}
