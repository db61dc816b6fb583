// Owns: the control routes that show, seed, copy and reset what the vaults hold and what the oracle saw.
import { applySnapshot, readSnapshot, takeSnapshot } from "../estate/snapshot.ts";
import { viewVault } from "../estate/state-view.ts";
import type { LogFilter, LoggedOperation } from "../oracle/oracle.ts";
import type { Effect } from "../secrets/call.ts";
import { storeManaged } from "../secrets/write.ts";
import { NAME_CHARS_MAX, OPERATIONS } from "../wire/route.ts";
import type { ControlCall, ControlReply } from "./control-api.ts";
import { InputError, oneOf, optionalFlag, optionalText, text } from "./input.ts";

/** Records in one answer; `after` goes on from the last. */
const LOG_RECORDS_MAX = 10_000;

const LOGGED: readonly LoggedOperation[] = [...OPERATIONS, "token", "unknown"];
const EFFECTS: readonly Effect["kind"][] = ["set", "update", "delete", "recover", "purge", "restore"];

/** `?vault=&name=&operation=&status=&kind=&requestsAfter=&effectsAfter=`. */
export function logRoute({ parts, query }: ControlCall): ControlReply {
  const { oracle } = parts;
  const filter: { -readonly [Key in keyof LogFilter]: LogFilter[Key] } = {};
  const vault = query.get("vault");
  const name = query.get("name");
  const operation = query.get("operation");
  const kind = query.get("kind");
  const status = number(query, "status");
  if (vault !== null) filter.vault = vault;
  if (name !== null) filter.name = name;
  if (operation !== null) filter.operation = oneOf(operation, "operation", LOGGED);
  if (kind !== null) filter.kind = oneOf(kind, "kind", EFFECTS);
  if (status !== undefined) filter.status = status;
  const requests = oracle.requests({ ...filter, after: number(query, "requestsAfter") ?? 0 });
  const effects = oracle.effects({ ...filter, after: number(query, "effectsAfter") ?? 0 });
  return {
    status: 200,
    json: {
      counters: oracle.snapshot(),
      requests: requests.slice(0, LOG_RECORDS_MAX),
      effects: effects.slice(0, LOG_RECORDS_MAX),
    },
  };
}

/** `?vault=&reveal=true`: versions with tags and digests; the current value only with `reveal=true`. */
export function secretsRoute({ parts, query }: ControlCall): ControlReply {
  const only = query.get("vault")?.toLowerCase();
  const reveal = query.get("reveal") === "true";
  const nowMs = parts.clock.nowMs();
  const vaults = parts.estate.all().filter((vault) => only === undefined || vault.name === only);
  const json = Object.fromEntries(vaults.map((vault) => [vault.name, viewVault(vault, nowMs, reveal)]));
  return { status: 200, json: { vaults: json } };
}

/** `{vault, name, value?}`: a secret as a certificate has it. Other secrets are set through the data plane. */
export function seedRoute({ parts, input }: ControlCall): ControlReply {
  const vault = parts.estate.vault(text(input, "vault"));
  const name = text(input, "name");
  if (vault === undefined) throw new InputError("there is no such vault");
  if (!/^[0-9a-zA-Z-]+$/.test(name) || name.length > NAME_CHARS_MAX)
    throw new InputError("name is a secret's name");
  storeManaged({ vault, name, nowMs: parts.clock.nowMs() }, optionalText(input, "value") ?? "");
  parts.onChange();
  return { status: 200, json: {} };
}

/** Everything the vaults hold, values included. */
export function snapshotRoute({ parts }: ControlCall): ControlReply {
  return { status: 200, json: takeSnapshot(parts.estate, parts.clock) };
}

export function putSnapshot({ parts, input }: ControlCall): ControlReply {
  applySnapshot(parts.estate, parts.clock, readSnapshot(input));
  parts.onChange();
  return { status: 200, json: {} };
}

/** `{state?, log?, faults?, limits?}`; an empty body resets all four. The clock only goes forward. */
export function resetRoute({ parts, input }: ControlCall): ControlReply {
  const all = Object.keys(input).length === 0;
  if (all || optionalFlag(input, "faults")) parts.faults.clear();
  if (all || optionalFlag(input, "state")) {
    parts.estate.clear();
    parts.onChange();
  }
  if (all || optionalFlag(input, "log")) parts.oracle.reset();
  if (all || optionalFlag(input, "limits")) parts.limits.reset();
  return { status: 200, json: {} };
}

function number(query: URLSearchParams, key: string): number | undefined {
  const value = query.get(key);
  if (value === null) return undefined;
  if (!/^-?\d{1,15}$/.test(value)) throw new InputError(`${key} is a whole number`);
  return Number(value);
}
