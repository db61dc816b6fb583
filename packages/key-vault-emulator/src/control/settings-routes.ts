// Owns: the control routes of health, clock, limits, access and tokens.
import { limitFaults, resolveDelays, resolveLimits } from "../options.ts";
import { SOFT_DELETE_PRESETS } from "../soft-delete/lifecycle.ts";
import type { SoftDeleteDelays } from "../soft-delete/lifecycle.ts";
import type { LimitPolicy } from "../limits/rate-limits.ts";
import type { ControlCall, ControlReply } from "./control-api.ts";
import {
  InputError,
  object,
  oneOf,
  optionalFlag,
  optionalNumber,
  optionalText,
  readAccess,
  text,
} from "./input.ts";

/** Ten years: enough for any retention, and far from where dates end. */
const ADVANCE_MS_MAX = 10 * 366 * 86_400_000;

/** With the CPU time of the process so far, by which a benchmark can tell what the emulator itself costs. */
export function healthRoute({ parts }: ControlCall): ControlReply {
  const { user, system } = process.cpuUsage();
  return {
    status: 200,
    json: {
      status: "ok",
      nowMs: parts.clock.nowMs(),
      vaults: parts.estate.all().length,
      cpuMs: (user + system) / 1000,
    },
  };
}

/** `{advanceMs?, freeze?, resume?, softDelete?}`; softDelete changes the delays of what is deleted from now on. */
export function clockRoute({ parts, input }: ControlCall): ControlReply {
  const { clock } = parts;
  const advanceMs = optionalNumber(input, "advanceMs", 0, ADVANCE_MS_MAX);
  const softDelete = input["softDelete"] === undefined ? undefined : readDelays(input["softDelete"]);
  if (optionalFlag(input, "freeze")) clock.freeze();
  if (advanceMs !== undefined) clock.advance(advanceMs);
  if (optionalFlag(input, "resume")) clock.resume();
  if (softDelete !== undefined) parts.softDelete.delays = softDelete;
  const json = {
    nowMs: clock.nowMs(),
    offsetMs: clock.offsetMs,
    frozen: clock.frozen,
    softDelete: parts.softDelete.delays,
  };
  return { status: 200, json };
}

/** `{policy?, consume?: {vault, bucket, calls}, vault?}`. */
export function limitsRoute({ parts, input, query }: ControlCall): ControlReply {
  const { limits, clock, estate } = parts;
  if (input["policy"] !== undefined) {
    const policy = readPolicy(input["policy"]);
    const faults = limitFaults(policy);
    if (faults.length > 0) throw new InputError(faults.join("; "));
    limits.setPolicy(policy);
  }
  if (input["consume"] !== undefined) {
    const wish = object(input["consume"], "consume");
    const vault = estate.vault(text(wish, "vault"));
    if (vault === undefined) throw new InputError("there is no such vault");
    const bucket = oneOf(wish["bucket"], "consume.bucket", ["create", "other"]);
    const calls = optionalNumber(wish, "calls", 0, 100_000) ?? 1;
    limits.consume(vault.name, vault.settings.rateGroup, bucket, calls, clock.nowMs());
  }
  const vault = query.get("vault");
  const used = vault === null ? undefined : limits.used(vault.toLowerCase(), clock.nowMs());
  return { status: 200, json: { policy: limits.policy, used } };
}

/** `{clientId, access, vault?}` or `{vault, firewall}`. */
export function accessRoute({ parts, input }: ControlCall): ControlReply {
  const vault = optionalText(input, "vault");
  if (input["firewall"] !== undefined) {
    if (vault === undefined) throw new InputError("firewall needs a vault");
    parts.access.setFirewall(vault, oneOf(input["firewall"], "firewall", ["open", "closed"]));
  }
  if (input["access"] !== undefined)
    parts.access.grant(text(input, "clientId"), readAccess(input["access"]), vault);
  return { status: 200, json: {} };
}

/** `{clientId?, audience?, expiresInSeconds?}` gives a token; `{revokeAll: true}` makes all given so far invalid. */
export function tokenRoute({ parts, input }: ControlCall): ControlReply {
  if (optionalFlag(input, "revokeAll")) {
    parts.tokens.revokeAll();
    return { status: 200, json: {} };
  }
  const clientId = optionalText(input, "clientId");
  const audience = optionalText(input, "audience") ?? `https://${parts.options.vaultSuffix}`;
  const seconds =
    optionalNumber(input, "expiresInSeconds", -86_400, 86_400) ?? parts.options.tokenLifetimeSeconds;
  const { principals } = parts.options;
  const principal =
    clientId === undefined ? principals[0] : principals.find((one) => one.clientId === clientId);
  if (principal === undefined) throw new InputError("there is no such principal");
  return { status: 200, json: { token: parts.tokens.issue(principal, audience, Math.trunc(seconds)) } };
}

function readPolicy(value: unknown): LimitPolicy | "off" {
  if (value === "azure" || value === "off") return resolveLimits(value);
  return resolveLimits(object(value, "policy"));
}

function readDelays(value: unknown): SoftDeleteDelays {
  if (typeof value === "string") {
    const presets = Object.keys(SOFT_DELETE_PRESETS) as (keyof typeof SOFT_DELETE_PRESETS)[];
    return resolveDelays(oneOf(value, "softDelete", presets));
  }
  const input = object(value, "softDelete");
  const delays: { -readonly [Key in keyof SoftDeleteDelays]?: number } = {};
  for (const key of ["deletingMs", "recoverReadableMs", "recoverWritableMs", "purgingMs"] as const) {
    const ms = optionalNumber(input, key, 0, ADVANCE_MS_MAX);
    if (ms !== undefined) delays[key] = ms;
  }
  return resolveDelays(delays);
}
