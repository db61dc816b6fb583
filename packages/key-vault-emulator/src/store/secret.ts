// Owns: what a vault keeps of a secret. Versions and records are immutable: a change makes a new object, so that a
// copy of a vault (stale lists, snapshots) costs no more than its maps.
import { randomBytes } from "node:crypto";
import type { Lifecycle } from "../soft-delete/lifecycle.ts";

export type Tags = Readonly<Record<string, string>>;

export interface SecretVersion {
  /** 32 lower-case hex characters, made by the service. */
  readonly id: string;
  readonly value: string;
  readonly contentType: string | undefined;
  readonly tags: Tags | undefined;
  readonly enabled: boolean;
  readonly nbf: number | undefined;
  readonly exp: number | undefined;
  readonly createdS: number;
  readonly updatedS: number;
}

export interface SecretRecord {
  /** As the first PUT spelled it; names are case-insensitive and case-preserving. */
  readonly name: string;
  /** True for the secret behind a certificate: shown in lists, not to be written. */
  readonly managed: boolean;
  /** Oldest first; lists show them in order of `id`, as the service does. */
  readonly versions: readonly SecretVersion[];
  readonly lifecycle: Lifecycle;
}

/** The key a name is stored under. */
export function keyOf(name: string): string {
  return name.toLowerCase();
}

export function newVersionId(): string {
  return randomBytes(16).toString("hex");
}

/** The newest version. Every record has one: it is made by its first PUT or by a restore. */
export function latestOf(record: SecretRecord): SecretVersion {
  const latest = record.versions.at(-1);
  if (latest === undefined) throw new Error(`the record ${record.name} has no version`);
  return latest;
}

/** A version by id; the latest without one. */
export function versionOf(record: SecretRecord, id: string | undefined): SecretVersion | undefined {
  return id === undefined ? record.versions.at(-1) : record.versions.find((version) => version.id === id);
}

/** The same record with one version replaced. */
export function withVersion(record: SecretRecord, changed: SecretVersion): SecretRecord {
  return { ...record, versions: record.versions.map((v) => (v.id === changed.id ? changed : v)) };
}
