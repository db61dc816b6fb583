// Owns: what is known of the last exchange on the wire within one call of ours. The SDK sits between our call and the
// socket and tells neither whether a request was sent nor, safely, what the answer was: its errors hold the request and
// with it the secret (hazard error-carries-the-body). So the transport notes the facts here, and nobody looks into an
// SDK error.
import { AsyncLocalStorage } from "node:async_hooks";

/** A complete answer, without its body. */
export interface Answer {
  readonly status: number;
  /** `error.code` and `error.innererror.code` of the body (reference: match these, never the text). */
  readonly code: string | undefined;
  readonly innerCode: string | undefined;
  readonly requestId: string | undefined;
  /** As the server sent it, in whichever of the three headers. */
  readonly retryAfter: RetryAfter | undefined;
}

export interface RetryAfter {
  readonly unit: "ms" | "s-or-date";
  readonly text: string;
}

export interface Exchange {
  /** It carried a token: one without (the handshake's probe) changes nothing at the server. */
  readonly authenticated: boolean;
  /** It left, or began to leave, on an established connection: from here on its effect is possible. */
  sent: boolean;
  answer: Answer | undefined;
  /** Why there is no answer: a system code, `timeout` or `aborted`. */
  failure: string | undefined;
  /** The sentence about an address that must not be connected to. */
  prohibited?: string | undefined;
}

export interface ExchangeLog {
  last: Exchange | undefined;
}

const current = new AsyncLocalStorage<ExchangeLog>();

/** Runs `work`; the transport's exchanges within it are noted in `log`. */
export function noting<T>(log: ExchangeLog, work: () => Promise<T>): Promise<T> {
  return current.run(log, work);
}

/** For the transport: begins an exchange in the log of whoever called. */
export function beginExchange(authenticated: boolean): Exchange {
  const exchange: Exchange = { authenticated, sent: false, answer: undefined, failure: undefined };
  const log = current.getStore();
  if (log !== undefined) log.last = exchange;
  return exchange;
}
