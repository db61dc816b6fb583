import { CATALOGUE, type ErrorClass, type ErrorCode, type RetryClass } from "./catalogue.ts";

/** Facts about a failure that are safe to log: never a secret's value, a token or a credential (P5). */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null>>;

/** The form in which an error travels in messages and records. */
export interface ErrorReport {
  readonly code: ErrorCode;
  readonly class: ErrorClass;
  readonly retry: RetryClass;
  readonly message: string;
  readonly advice: string;
  readonly details: ErrorDetails;
}

/**
 * The only error type that crosses a package's border. Adapters translate SDK errors into it and drop them: it has no
 * `cause`, because an SDK's error can hold the request and with it the secret (hazard error-carries-the-body).
 */
export class KeyferryError extends Error {
  override readonly name = "KeyferryError";
  readonly code: ErrorCode;
  readonly class: ErrorClass;
  readonly retry: RetryClass;
  readonly advice: string;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message);
    const entry = CATALOGUE[code];
    this.code = code;
    this.class = entry.class;
    this.retry = entry.retry;
    this.advice = entry.advice;
    this.details = details;
  }

  /** The error as plain data, for messages, records and API answers. */
  report(): ErrorReport {
    const { code, message, advice, retry, details } = this;
    return { code, class: this.class, retry, message, advice, details };
  }
}

/**
 * Turns whatever was thrown into a KeyferryError. What is outside the taxonomy is a defect: `unexpected`, with the
 * thrown thing's type and the first frame of its stack but not its message, which nobody has checked for secrets.
 */
export function toKeyferryError(thrown: unknown): KeyferryError {
  if (thrown instanceof KeyferryError) return thrown;
  if (thrown instanceof Error) {
    const frame = thrown.stack?.split("\n").find((line) => line.trimStart().startsWith("at ")) ?? "";
    if (thrown.name === "AbortError")
      return new KeyferryError("operation-aborted", "The operation was aborted");
    return new KeyferryError("unexpected", `Unexpected ${thrown.name}`, { frame: frame.trim() });
  }
  return new KeyferryError("unexpected", `Unexpected value of type ${typeof thrown} was thrown`);
}

/** Marks a branch that the type system proves unreachable. */
export function assertNever(value: never): never {
  throw new KeyferryError("unexpected", `Unhandled case: ${typeof value}`);
}
