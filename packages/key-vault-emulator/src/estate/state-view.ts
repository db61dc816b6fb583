// Owns: how the vaults' state is shown to people and tests: everything, but values only on request.
import { sha256 } from "../oracle/oracle.ts";
import type { Phase } from "../soft-delete/lifecycle.ts";
import { latestOf } from "../store/secret.ts";
import type { SecretVersion, Tags } from "../store/secret.ts";
import type { Found, Vault } from "../store/vault.ts";

export interface VersionView {
  readonly version: string;
  readonly tags: Tags;
  readonly enabled: boolean;
  readonly contentType: string | undefined;
  readonly createdS: number;
  readonly updatedS: number;
  /** SHA-256 of the value's UTF-8 bytes, hex. */
  readonly valueSha256: string;
}

export interface SecretView {
  readonly name: string;
  readonly phase: Phase;
  readonly managed: boolean;
  /** Oldest first; the last one is the current one. */
  readonly versions: readonly VersionView[];
  /** The current value, only where it was asked for. */
  readonly value?: string;
}

/** The secrets of a vault in order of name, deleted ones included. */
export function viewVault(vault: Vault, nowMs: number, reveal: boolean): readonly SecretView[] {
  return vault.all(nowMs).map((found) => viewSecret(found, reveal));
}

/** One secret. */
export function viewSecret(found: Found, reveal: boolean): SecretView {
  const { record, phase } = found;
  return {
    name: record.name,
    phase,
    managed: record.managed,
    versions: record.versions.map(viewVersion),
    ...(reveal ? { value: latestOf(record).value } : {}),
  };
}

function viewVersion(version: SecretVersion): VersionView {
  return {
    version: version.id,
    tags: version.tags ?? {},
    enabled: version.enabled,
    contentType: version.contentType,
    createdS: version.createdS,
    updatedS: version.updatedS,
    valueSha256: sha256(version.value),
  };
}
