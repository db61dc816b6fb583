export { backoffMs, type BackoffPolicy, SERVER_AWAY } from "./backoff.ts";
export { type Retry, retryForever, type RetryOptions } from "./retry-forever.ts";
