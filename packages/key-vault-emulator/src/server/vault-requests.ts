// Owns: the way of a data-plane request: token, limits, faults, access, operation, answer; each logged by the oracle.
// Invariants: a request without a token goes no further than the challenge; a call is counted against the limits before
// anything else is done with it; an effect is logged before its answer is sent, also where the answer is then lost.
import type { Caller } from "../entra/tokens.ts";
import type { ActiveRule } from "../faults/rules.ts";
import type { OpenRequest } from "../oracle/oracle.ts";
import type { Answer } from "../secrets/call.ts";
import { serve } from "../secrets/operations.ts";
import type { Vault } from "../store/vault.ts";
import { readApiVersion, splitTarget } from "../wire/query.ts";
import { customRefusal, throttled, unauthorized } from "../wire/refusal.ts";
import type { Refusal } from "../wire/refusal.ts";
import { parseRoute } from "../wire/route.ts";
import type { Route } from "../wire/route.ts";
import { answer } from "./answer.ts";
import { cut, send, sendSlowly, sendTruncated } from "./exchange.ts";
import { passBefore } from "./fault-passage.ts";
import { retryAfter, tokenChallenge } from "./headers.ts";
import type { Parts, VaultRequest } from "./parts.ts";

interface Work extends VaultRequest {
  readonly parts: Parts;
  readonly record: OpenRequest;
  readonly query: URLSearchParams;
  readonly vault: Vault;
  readonly route: Route;
  readonly caller: Caller;
}

/** Serves one request to a vault. */
export function serveVaultRequest(parts: Parts, incoming: VaultRequest): void {
  const { request } = incoming;
  const method = request.method ?? "";
  const { path, query } = splitTarget(request.url ?? "/");
  const route = parseRoute(method, path);
  const token = readBearer(request.headers.authorization);
  const record = parts.oracle.open({
    atMs: parts.clock.nowMs(),
    vault: incoming.vaultName,
    method,
    operation: route.kind === "route" ? route.operation : "unknown",
    name: route.kind === "route" ? route.name : "",
    version: route.kind === "route" ? route.version : undefined,
    principal: undefined,
    hadToken: token !== undefined,
    bodyBytes: incoming.bodyBytes,
    leak: token === undefined && incoming.bodyBytes > 0,
    clientRequestId: oneLine(request.headers["x-ms-client-request-id"]),
  });
  const refuse = (no: Refusal, more: readonly string[] = []): void =>
    answer(parts, incoming, record, no, more);

  const vault = parts.estate.vault(incoming.vaultName);
  if (vault === undefined) {
    // Azure has no DNS name for it; an emulator can only say so.
    refuse(customRefusal(404, "VaultNotFound", `There is no vault ${incoming.vaultName} in this emulator.`));
    return;
  }
  const caller =
    token === undefined
      ? unauthorized("AKV10000: Request is missing a Bearer or PoP token.")
      : parts.tokens.check(token);
  if (caller.kind === "refused") {
    refuse(caller, tokenChallenge(parts.options));
    return;
  }
  record.principal = caller.clientId;
  if (route.kind === "refused") {
    refuse(route);
    return;
  }
  const admission = parts.limits.admit(vault.name, vault.settings.rateGroup, route.operation, record.atMs);
  if (admission.kind === "throttled") {
    refuse(
      throttled(admission.reason),
      retryAfter(parts.limits.policy === "off" ? undefined : parts.limits.policy.retryAfterSeconds),
    );
    return;
  }
  const work: Work = { ...incoming, parts, record, query, vault, route, caller };
  const rules = parts.faults.pick({ operation: route.operation, vault: vault.name, name: route.name });
  if (rules.length === 0) answer(parts, incoming, record, operate(work, undefined), []);
  else serveWithFaults(work, rules).catch(parts.onDefect);
}

/** Access, api-version, then the operation itself, now. */
function operate(work: Work, stale: Vault | undefined): Answer {
  const { parts, route, record } = work;
  const clientAddress = work.request.socket.remoteAddress ?? "unknown";
  const denied = parts.access.refuse(work.caller.clientId, work.vault.name, route.operation, clientAddress);
  if (denied !== undefined) return denied;
  const apiVersion = readApiVersion(work.query, parts.options.apiVersions);
  if (typeof apiVersion !== "string") return apiVersion;
  const nowMs = parts.clock.nowMs();
  const answered = serve({
    operation: route.operation,
    // Looked up again: a call that waited at a fault may find its vault reset or restored.
    vault: stale ?? parts.estate.vault(work.vaultName) ?? work.vault,
    name: route.name,
    version: route.version,
    query: work.query,
    body: work.body,
    nowMs,
    idOrigin: work.idOrigin,
    linkOrigin: work.linkOrigin,
    sizes: parts.options.sizes,
    delays: parts.softDelete.delays,
    backupKey: parts.estate.backupKey,
  });
  if (answered.kind === "done" && answered.effect !== undefined) {
    parts.oracle.effect(record, answered.effect, nowMs);
    parts.onChange();
  }
  return answered;
}

async function serveWithFaults(work: Work, rules: readonly ActiveRule[]): Promise<void> {
  const { parts, record } = work;
  record.faults = rules.map((rule) => rule.rule.fault.kind);
  const before = await passBefore(
    {
      ...work,
      options: parts.options,
      estate: parts.estate,
      operation: work.route.operation,
      closing: parts.closing,
    },
    rules,
  );
  if (before.kind === "cut" || parts.closing.aborted) {
    parts.oracle.finish(record, -1);
    cut(work.request);
    return;
  }
  if (before.kind === "answer") {
    answer(parts, work, record, before.no, before.headers);
    return;
  }
  const answered = operate(work, before.stale);
  const last = rules.findLast((rule) => AFTER_EFFECT.has(rule.rule.fault.kind))?.rule.fault;
  if (last?.kind === "reset-after") {
    parts.oracle.finish(record, -1);
    cut(work.request);
    return;
  }
  answer(parts, work, record, answered, [], (response, payload) => {
    if (last?.kind === "slow-body") sendSlowly(response, payload, last.ms);
    else if (last?.kind === "truncated-json") sendTruncated(response, payload);
    else send(response, payload);
  });
}

const AFTER_EFFECT: ReadonlySet<string> = new Set(["reset-after", "slow-body", "truncated-json"]);

function readBearer(header: string | undefined): string | undefined {
  const match = header === undefined ? undefined : /^Bearer +(\S+) *$/i.exec(header);
  return match?.[1];
}

/** A header that is echoed: one value, of a sane length. */
function oneLine(header: string | string[] | undefined): string | undefined {
  const value = Array.isArray(header) ? header[0] : header;
  return value === undefined ? undefined : value.slice(0, 256);
}
