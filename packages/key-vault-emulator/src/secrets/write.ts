// Owns: set and update, and the conflicts of a name that is deleted, being deleted or being recovered.
import { assertNever } from "../assert-never.ts";
import { bundleJson } from "../wire/bundles.ts";
import { conflict, forbidden, secretNotFound } from "../wire/refusal.ts";
import type { Refusal } from "../wire/refusal.ts";
import { readSetBody, readUpdateBody } from "../wire/secret-body.ts";
import { ACTIVE, isReadable } from "../soft-delete/lifecycle.ts";
import { keyOf, newVersionId, versionOf, withVersion } from "../store/secret.ts";
import type { SecretRecord, SecretVersion } from "../store/secret.ts";
import type { Found } from "../store/vault.ts";
import { done, storedTags, wholeSeconds } from "./call.ts";
import type { Answer, Call } from "./call.ts";

/** PUT /secrets/{name}: a new version, whatever was there. */
export function setSecret(call: Call): Answer {
  const body = readSetBody(call.body, call.sizes);
  if (body.kind === "refused") return body;
  const found = call.vault.find(call.name, call.nowMs);
  const blocked = refuseWrite(call, found);
  if (blocked !== undefined) return blocked;
  const { contentType, tags, enabled, nbf, exp } = body.properties;
  const nowS = wholeSeconds(call.nowMs);
  const version: SecretVersion = {
    id: newVersionId(),
    value: body.value,
    contentType,
    tags: storedTags(tags),
    enabled: enabled ?? true,
    nbf,
    exp,
    createdS: nowS,
    updatedS: nowS,
  };
  const record: SecretRecord = {
    name: found?.record.name ?? call.name,
    managed: false,
    versions: found === undefined ? [version] : [...found.record.versions, version],
    lifecycle: ACTIVE,
  };
  call.vault.store(record);
  return done(bundleJson(call, record, version, true), { kind: "set", name: record.name, version });
}

/** PATCH /secrets/{name}[/{version}]: attributes, content type and the whole tag map of one version; never the value. */
export function updateSecret(call: Call): Answer {
  const properties = readUpdateBody(call.body, call.sizes);
  if (properties.kind === "refused") return properties;
  const found = call.vault.find(call.name, call.nowMs);
  if (
    found === undefined ||
    found.phase === "deleting" ||
    found.phase === "deleted" ||
    found.phase === "purging"
  ) {
    return secretNotFound(call.name);
  }
  const blocked = refuseWrite(call, found);
  if (blocked !== undefined) return blocked;
  const before = versionOf(found.record, call.version);
  if (before === undefined) return secretNotFound(`${call.name}/${call.version ?? ""}`);
  const version: SecretVersion = {
    ...before,
    contentType: properties.contentType ?? before.contentType,
    tags: properties.tags === undefined ? before.tags : storedTags(properties.tags),
    enabled: properties.enabled ?? before.enabled,
    nbf: properties.nbf ?? before.nbf,
    exp: properties.exp ?? before.exp,
    updatedS: wholeSeconds(call.nowMs),
  };
  const record = withVersion(found.record, version);
  call.vault.store(record);
  return done(bundleJson(call, record, version, false), { kind: "update", name: record.name, version });
}

/** The refusal of a write to a name in this phase; undefined where it may go ahead. */
export function refuseWrite(call: Call, found: Found | undefined): Refusal | undefined {
  if (found === undefined) return undefined;
  switch (found.phase) {
    case "deleting":
    case "purging":
      return beingDeleted(call.name);
    case "deleted":
      return conflict(
        `Secret ${call.name} is currently in a deleted but recoverable state, and its name cannot be reused; ` +
          "recover or purge it first.",
        "ObjectIsDeletedButRecoverable",
      );
    case "recovering":
    case "readable":
      return beingRecovered(call.name);
    case "active":
    case "gone":
      return found.record.managed ? managedRefusal(call.name) : undefined;
    default:
      return assertNever(found.phase);
  }
}

export function beingDeleted(name: string): Refusal {
  return conflict(
    `Secret ${name} is currently being deleted and cannot be re-created; retry later.`,
    "ObjectIsBeingDeleted",
  );
}

export function beingRecovered(name: string): Refusal {
  return conflict(
    `Secret ${name} is currently being recovered and cannot be re-created; retry later.`,
    "ObjectIsBeingRecovered",
  );
}

function managedRefusal(name: string): Refusal {
  return forbidden(`Secret ${name} belongs to a certificate and cannot be changed through the secrets API.`);
}

/** Puts a secret as a certificate has it: shown in lists with `managed`, not writable. For tests only. */
export function storeManaged(call: Pick<Call, "vault" | "nowMs" | "name">, value: string): void {
  const found = call.vault.find(call.name, call.nowMs);
  const readable = found !== undefined && isReadable(found.phase);
  const nowS = wholeSeconds(call.nowMs);
  const version: SecretVersion = {
    id: newVersionId(),
    value,
    contentType: "application/x-pkcs12",
    tags: undefined,
    enabled: true,
    nbf: nowS,
    exp: undefined,
    createdS: nowS,
    updatedS: nowS,
  };
  const name = found?.record.name ?? call.name;
  const versions = readable ? [...found.record.versions, version] : [version];
  if (keyOf(name) !== "") call.vault.store({ name, managed: true, versions, lifecycle: ACTIVE });
}
