// Owns: the sink's answer to the question whether a destination's connection works: from where it will be written to and
// with the identity that will write, which only a sink can tell.
import type { CheckFinding, ConnectionCheckRequest } from "@keyferry/contracts";
import { toKeyferryError } from "@keyferry/errors";
import { checkConnection } from "@keyferry/key-vault";
import { clientOptions, type ClientParts } from "./client-options.ts";

// So that the answer is on its way before nobody waits for it any more.
const MARGIN_MS = 500;
const WAIT_MS_MAX = 60_000;

/** Checks a connection within the time that it is waited for. Never rejects. */
export async function checkDestination(
  { destination, connection, write, waitMs }: ConnectionCheckRequest,
  parts: ClientParts,
  instanceId: string,
): Promise<readonly CheckFinding[]> {
  const limitMs = Math.max(MARGIN_MS, Math.min(waitMs, WAIT_MS_MAX) - MARGIN_MS);
  const signal = AbortSignal.timeout(limitMs);
  try {
    const credential = await parts.credentials.of(destination, connection, signal);
    const options = clientOptions(parts, connection, credential);
    return await checkConnection(
      { ...options, requestTimeoutMs: Math.min(options.requestTimeoutMs, limitMs) },
      { signal, ...(write ? { probe: instanceId } : {}) },
    );
  } catch (thrown) {
    const { message, advice } = toKeyferryError(thrown);
    return [{ check: "credential", ok: false, detail: message, advice, isCertain: false }];
  }
}
