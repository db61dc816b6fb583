// Owns: the JSON of secrets, versions and deleted secrets. One function per form of the service.
import { latestOf } from "../store/secret.ts";
import type { SecretRecord, SecretVersion } from "../store/secret.ts";
import type { Vault } from "../store/vault.ts";
import { recoveryLevel } from "../soft-delete/lifecycle.ts";

type Json = Record<string, unknown>;

/** Where ids point: the origin the client used, without the port (ids of the service carry none). */
export interface IdBase {
  readonly vault: Vault;
  readonly idOrigin: string;
}

/** A version with its id; the value only where the operation gives it. */
export function bundleJson(
  base: IdBase,
  record: SecretRecord,
  version: SecretVersion,
  withValue: boolean,
): Json {
  const json: Json = withValue ? { value: version.value } : {};
  describe(json, base, record, version, `${base.idOrigin}/secrets/${record.name}/${version.id}`);
  if (record.managed) json["kid"] = `${base.idOrigin}/keys/${record.name}/${version.id}`;
  return json;
}

/** An item of /secrets: the latest version's attributes and tags, and an id without a version. */
export function itemJson(base: IdBase, record: SecretRecord): Json {
  const json: Json = {};
  describe(json, base, record, latestOf(record), `${base.idOrigin}/secrets/${record.name}`);
  return json;
}

/** An item of /versions: the id has the version. */
export function versionItemJson(base: IdBase, record: SecretRecord, version: SecretVersion): Json {
  const json: Json = {};
  describe(json, base, record, version, `${base.idOrigin}/secrets/${record.name}/${version.id}`);
  return json;
}

/** A deleted secret: of a DELETE and of GET /deletedsecrets/{name}, with a version in the id. */
export function deletedBundleJson(base: IdBase, record: SecretRecord): Json {
  const json = recoveryFields(base, record);
  const version = latestOf(record);
  describe(json, base, record, version, `${base.idOrigin}/secrets/${record.name}/${version.id}`);
  return json;
}

/** An item of /deletedsecrets: without a version in the id. */
export function deletedItemJson(base: IdBase, record: SecretRecord): Json {
  const json = recoveryFields(base, record);
  describe(json, base, record, latestOf(record), `${base.idOrigin}/secrets/${record.name}`);
  return json;
}

function recoveryFields(base: IdBase, record: SecretRecord): Json {
  const json: Json = { recoveryId: `${base.idOrigin}/deletedsecrets/${record.name}` };
  if (record.lifecycle.kind === "deleted") {
    json["deletedDate"] = Math.floor(record.lifecycle.deletedAtMs / 1000);
    json["scheduledPurgeDate"] = Math.floor(record.lifecycle.purgeAtMs / 1000);
  }
  return json;
}

function describe(json: Json, base: IdBase, record: SecretRecord, version: SecretVersion, id: string): void {
  if (version.contentType !== undefined) json["contentType"] = version.contentType;
  json["id"] = id;
  if (record.managed) json["managed"] = true;
  const attributes: Json = { enabled: version.enabled };
  if (version.nbf !== undefined) attributes["nbf"] = version.nbf;
  if (version.exp !== undefined) attributes["exp"] = version.exp;
  attributes["created"] = version.createdS;
  attributes["updated"] = version.updatedS;
  attributes["recoveryLevel"] = recoveryLevel(base.vault.settings);
  attributes["recoverableDays"] = base.vault.settings.retentionDays;
  json["attributes"] = attributes;
  if (version.tags !== undefined) json["tags"] = version.tags;
}
