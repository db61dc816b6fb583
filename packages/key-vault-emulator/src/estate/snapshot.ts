// Owns: the form in which all vaults are written out and read in again. It holds values: whoever keeps one keeps secrets.
import type { VirtualClock } from "../clock/virtual-clock.ts";
import type { Lifecycle } from "../soft-delete/lifecycle.ts";
import { phaseAt } from "../soft-delete/lifecycle.ts";
import type { SecretRecord, SecretVersion } from "../store/secret.ts";
import { NAME_CHARS_MAX } from "../wire/route.ts";
import type { Estate } from "./estate.ts";

/** Goes up when an older reader would misunderstand what is written. */
const FORMAT = 1;

export interface EmulatorSnapshot {
  readonly format: typeof FORMAT;
  /** The vaults' time when it was taken: after a restore it is at least that. */
  readonly nowMs: number;
  readonly backupKey: string;
  readonly vaults: readonly { readonly name: string; readonly records: readonly SecretRecord[] }[];
}

/** Writes everything out. */
export function takeSnapshot(estate: Estate, clock: VirtualClock): EmulatorSnapshot {
  const nowMs = clock.nowMs();
  return {
    format: FORMAT,
    nowMs,
    backupKey: estate.backupKey.toString("base64"),
    vaults: estate
      .all()
      .map((vault) => ({ name: vault.name, records: vault.all(nowMs).map((one) => one.record) })),
  };
}

/** Replaces everything by a snapshot. The clock never goes back. */
export function applySnapshot(estate: Estate, clock: VirtualClock, snapshot: EmulatorSnapshot): void {
  estate.clear();
  estate.backupKey = Buffer.from(snapshot.backupKey, "base64");
  clock.advanceTo(snapshot.nowMs);
  for (const { name, records } of snapshot.vaults) {
    const vault = estate.vault(name);
    for (const record of records) vault?.store(record);
  }
}

/** Reads JSON as a snapshot; throws a TypeError that says what is wrong with it. */
export function readSnapshot(json: unknown): EmulatorSnapshot {
  const root = asObject(json, "a snapshot");
  if (root["format"] !== FORMAT) throw new TypeError(`a snapshot's format is ${FORMAT}`);
  const { nowMs, backupKey, vaults } = root;
  if (typeof nowMs !== "number" || !Number.isFinite(nowMs)) throw new TypeError("nowMs is a number");
  if (typeof backupKey !== "string" || Buffer.from(backupKey, "base64").length !== 32) {
    throw new TypeError("backupKey is 32 bytes in base64");
  }
  const read = asList(vaults, "vaults").map((entry) => {
    const vault = asObject(entry, "a vault");
    if (typeof vault["name"] !== "string") throw new TypeError("a vault has a name");
    return { name: vault["name"], records: asList(vault["records"], "records").map(readRecord) };
  });
  return { format: FORMAT, nowMs, backupKey, vaults: read };
}

function readRecord(json: unknown): SecretRecord {
  const { name, managed, versions, lifecycle } = asObject(json, "a record");
  if (typeof name !== "string" || !/^[0-9a-zA-Z-]+$/.test(name) || name.length > NAME_CHARS_MAX) {
    throw new TypeError("a record has a secret's name");
  }
  const read = asList(versions, "versions").map(readVersion);
  if (read.length === 0) throw new TypeError("a record has at least one version");
  return { name, managed: managed === true, versions: read, lifecycle: readLifecycle(lifecycle) };
}

function readVersion(json: unknown): SecretVersion {
  const { id, value, contentType, tags, enabled, nbf, exp, createdS, updatedS } = asObject(json, "a version");
  if (typeof id !== "string" || !/^[0-9a-f]{32}$/.test(id))
    throw new TypeError("a version's id is 32 hex characters");
  if (typeof value !== "string") throw new TypeError("a version has a value");
  const tagEntries = tags === undefined ? undefined : Object.entries(asObject(tags, "tags"));
  return {
    id,
    value,
    contentType: typeof contentType === "string" ? contentType : undefined,
    tags: tagEntries && Object.fromEntries(tagEntries.map(([tag, text]) => [tag, String(text)])),
    enabled: enabled !== false,
    nbf: typeof nbf === "number" ? nbf : undefined,
    exp: typeof exp === "number" ? exp : undefined,
    createdS: Number(createdS),
    updatedS: Number(updatedS),
  };
}

function readLifecycle(json: unknown): Lifecycle {
  const lifecycle = asObject(json, "a lifecycle");
  const { kind } = lifecycle;
  if (kind !== "active" && kind !== "deleted" && kind !== "recovering" && kind !== "purging") {
    throw new TypeError("a lifecycle is active, deleted, recovering or purging");
  }
  for (const [key, value] of Object.entries(lifecycle)) {
    if (key !== "kind" && typeof value !== "number") throw new TypeError(`a lifecycle's ${key} is a number`);
  }
  const read = lifecycle as unknown as Lifecycle;
  // A time that is missing would compare as neither past nor future.
  phaseAt(read, 0);
  return read;
}

function asObject(json: unknown, what: string): Record<string, unknown> {
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw new TypeError(`${what} is an object`);
  return json as Record<string, unknown>;
}

function asList(json: unknown, what: string): unknown[] {
  if (!Array.isArray(json)) throw new TypeError(`${what} is a list`);
  return json;
}
