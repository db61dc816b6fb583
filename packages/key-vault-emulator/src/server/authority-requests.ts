// Owns: HTTP around the authority (entra/authority.ts): its log entries and its faults.
import { setTimeout as sleep } from "node:timers/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { serveAuthority } from "../entra/authority.ts";
import type { AuthorityReply } from "../entra/authority.ts";
import { splitTarget } from "../wire/query.ts";
import { cut, send } from "./exchange.ts";
import type { Parts } from "./parts.ts";

const JSON_HEADERS = [
  "content-type",
  "application/json; charset=utf-8",
  "cache-control",
  "no-store, no-cache",
];

export interface AuthorityExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: string;
  readonly origin: string;
}

/** Serves a request to the authority; false where the path is none of its own. */
export function serveAuthorityRequest(parts: Parts, exchange: AuthorityExchange): boolean {
  const { request, response } = exchange;
  const { path, query } = splitTarget(request.url ?? "/");
  const reply = serveAuthority(
    { ...parts.options, tokens: parts.tokens },
    {
      method: request.method ?? "",
      path,
      query,
      body: exchange.body,
      origin: exchange.origin,
      headers: request.headers,
    },
  );
  if (reply === undefined) return false;
  if (!/\/token\/?$/i.test(path)) {
    send(response, payload(reply));
    return true;
  }
  serveToken(parts, exchange, reply).catch(parts.onDefect);
  return true;
}

async function serveToken(parts: Parts, exchange: AuthorityExchange, reply: AuthorityReply): Promise<void> {
  const record = parts.oracle.open({
    atMs: parts.clock.nowMs(),
    vault: "",
    method: exchange.request.method ?? "",
    operation: "token",
    name: "",
    version: undefined,
    principal: undefined,
    hadToken: false,
    // The client secret is what this endpoint is for.
    bodyBytes: exchange.body.length,
    leak: false,
    clientRequestId: undefined,
  });
  const rules = parts.faults.pick({ operation: "token", vault: "", name: "" });
  record.faults = rules.map((rule) => rule.rule.fault.kind);
  for (const rule of rules) {
    const { fault } = rule.rule;
    if (fault.kind === "latency")
      await sleep(fault.ms, undefined, { signal: parts.closing }).catch(() => undefined);
    else if (fault.kind === "hold") await rule.wait();
    else if (fault.kind === "error") {
      parts.oracle.finish(record, fault.status, fault.code);
      const json = {
        error: fault.code ?? "temporarily_unavailable",
        error_description: "As told by a fault rule.",
      };
      send(exchange.response, payload({ status: fault.status, json }));
      return;
    } else if (fault.kind === "reset-before" || fault.kind === "reset-after") {
      parts.oracle.finish(record, -1);
      cut(exchange.request);
      return;
    }
  }
  parts.oracle.finish(record, reply.status);
  send(exchange.response, payload(reply));
}

function payload(reply: AuthorityReply): { status: number; headers: readonly string[]; text: string } {
  return { status: reply.status, headers: JSON_HEADERS, text: JSON.stringify(reply.json) };
}
