import { KeyferryError } from "@keyferry/errors";
import { JetStreamApiError, JetStreamError } from "@nats-io/jetstream";

// nats-server error codes (server/errors.json): what each means to us.
const WRONG_LAST_SEQUENCE = 10071;
// From 2.11 on a clustered stream answers this while another compare-and-set of the subject is in flight.
const CAS_IN_FLIGHT = 10164;
const STREAM_NOT_FOUND = 10059;
const CONSUMER_NOT_FOUND = 10014;
const MESSAGE_NOT_FOUND = 10037;
// A limit of the stream with discard "new" shows as "store failed"; the others are limits of the account or server.
const RESOURCES_EXCEEDED = new Set([10023, 10028, 10047, 10077]);

function codeOf(thrown: unknown): number | undefined {
  return thrown instanceof JetStreamApiError ? thrown.code : undefined;
}

/** A compare-and-set was lost: somebody else published first, or is doing so. */
export function isCasLost(thrown: unknown): boolean {
  const code = codeOf(thrown);
  return code === WRONG_LAST_SEQUENCE || code === CAS_IN_FLIGHT;
}

export function isMessageMissing(thrown: unknown): boolean {
  return codeOf(thrown) === MESSAGE_NOT_FOUND;
}

/** The stream or consumer that was asked for does not exist. */
export function isNotProvisioned(thrown: unknown): boolean {
  const code = codeOf(thrown);
  return code === STREAM_NOT_FOUND || code === CONSUMER_NOT_FOUND;
}

/** The server refused for its own state; anything else of a publish leaves open whether it was stored. */
export function isRefusal(thrown: unknown): boolean {
  return thrown instanceof JetStreamApiError && codeOf(thrown) !== undefined;
}

/** Translates whatever the NATS client threw into the taxonomy. */
export function toBusError(thrown: unknown, doing: string): KeyferryError {
  if (thrown instanceof KeyferryError) return thrown;
  const code = codeOf(thrown);
  const name = thrown instanceof Error ? thrown.name : typeof thrown;
  if (isNotProvisioned(thrown))
    return new KeyferryError("bus-not-provisioned", `${doing}: the stream or consumer is not there yet`);
  if (code !== undefined && RESOURCES_EXCEEDED.has(code)) {
    return new KeyferryError("bus-full", `${doing}: JetStream is full`, { apiCode: code });
  }
  if (code !== undefined)
    return new KeyferryError("bus-unreachable", `${doing}: JetStream refused`, {
      apiCode: code,
      cause: name,
    });
  const kind = thrown instanceof JetStreamError ? "JetStream failed" : "NATS did not answer";
  return new KeyferryError("bus-unreachable", `${doing}: ${kind}`, { cause: name });
}
