// Owns: what fault rules do to a call before its effect: wait, hold, refuse, cut, or let it see old state.
// Does not own: what they do to the answer (vault-requests.ts).
import { setTimeout as sleep } from "node:timers/promises";
import type { Caller } from "../entra/tokens.ts";
import type { Estate } from "../estate/estate.ts";
import type { ActiveRule } from "../faults/rules.ts";
import type { ResolvedOptions } from "../options.ts";
import type { Vault } from "../store/vault.ts";
import { customRefusal, unauthorized } from "../wire/refusal.ts";
import type { Refusal } from "../wire/refusal.ts";
import type { Operation } from "../wire/route.ts";
import { claimsChallenge, retryAfter } from "./headers.ts";

export type BeforeEffect =
  | { readonly kind: "go"; readonly stale: Vault | undefined }
  | { readonly kind: "answer"; readonly no: Refusal; readonly headers: readonly string[] }
  | { readonly kind: "cut" };

/** The call that faults stand in the way of. */
export interface Passing {
  readonly options: ResolvedOptions;
  readonly estate: Estate;
  readonly vault: Vault;
  readonly operation: Operation;
  readonly caller: Caller;
  /** Fires when the emulator closes. */
  readonly closing: AbortSignal;
}

/** Goes through what rules do before the effect, in order; the first that answers or cuts ends it. */
export async function passBefore(call: Passing, rules: readonly ActiveRule[]): Promise<BeforeEffect> {
  let stale: Vault | undefined;
  for (const rule of rules) {
    const { fault } = rule.rule;
    switch (fault.kind) {
      case "latency":
        await sleep(fault.ms, undefined, { signal: call.closing }).catch(ignoreClosing);
        break;
      case "hold":
        await rule.wait();
        break;
      case "error": {
        const code = fault.code ?? (fault.status === 503 ? "ServiceUnavailable" : "InternalServerError");
        const no = customRefusal(
          fault.status,
          code,
          "An error that this emulator was told to give.",
          fault.innerCode,
        );
        return { kind: "answer", no, headers: retryAfter(fault.retryAfterSeconds) };
      }
      case "reset-before":
        return { kind: "cut" };
      case "claims-challenge":
        if (call.caller.issuedAtMs >= rule.addedAtMs) break;
        return {
          kind: "answer",
          no: unauthorized("The token lacks claims."),
          headers: claimsChallenge(call.options),
        };
      case "stale-list":
        stale = READS.has(call.operation) ? call.estate.stale(rule, call.vault) : stale;
        break;
      case "reset-after":
      case "slow-body":
      case "truncated-json":
        break;
    }
  }
  return { kind: "go", stale };
}

/** The wait ends early only because the emulator closes, which is checked right after. */
function ignoreClosing(): void {
  return undefined;
}

const READS: ReadonlySet<Operation> = new Set<Operation>([
  "get",
  "list",
  "listVersions",
  "getDeleted",
  "listDeleted",
]);
