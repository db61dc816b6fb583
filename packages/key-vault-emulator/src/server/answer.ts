// Owns: an operation's outcome as an HTTP answer, and the end of its log record.
import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { OpenRequest } from "../oracle/oracle.ts";
import type { Answer } from "../secrets/call.ts";
import { refusalJson } from "../wire/refusal.ts";
import { send } from "./exchange.ts";
import type { Payload } from "./exchange.ts";
import { responseHeaders } from "./headers.ts";
import type { Parts, VaultRequest } from "./parts.ts";

/** Completes the record, then sends. `more` are headers of a refusal; `sendAs` lets faults spoil the sending. */
export function answer(
  parts: Parts,
  to: VaultRequest,
  record: OpenRequest,
  answered: Answer,
  more: readonly string[],
  sendAs: (response: ServerResponse, payload: Payload) => void = send,
): void {
  const headers = responseHeaders(parts.options, randomUUID(), record.clientRequestId);
  if (answered.kind === "refused") {
    parts.oracle.finish(record, answered.status, answered.code, answered.innerCode);
    sendAs(to.response, {
      status: answered.status,
      headers: [...headers, ...more],
      text: refusalJson(answered),
    });
    return;
  }
  parts.oracle.finish(record, answered.status);
  const text = answered.json === undefined ? undefined : JSON.stringify(answered.json);
  sendAs(to.response, { status: answered.status, headers, text });
}
