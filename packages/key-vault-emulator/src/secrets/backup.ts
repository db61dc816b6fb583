// Owns: backup and restore, and the blob between them. The blob holds the values, so it is sealed: whoever has it can
// only give it back to a vault of the same emulator (as Azure's is bound to subscription and geography).
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { bundleJson } from "../wire/bundles.ts";
import { badParameter, conflict, secretNotFound } from "../wire/refusal.ts";
import { readRestoreBody } from "../wire/secret-body.ts";
import { ACTIVE, isReadable } from "../soft-delete/lifecycle.ts";
import { latestOf } from "../store/secret.ts";
import type { SecretRecord, SecretVersion } from "../store/secret.ts";
import { done } from "./call.ts";
import type { Answer, Call } from "./call.ts";
import { refuseWrite } from "./write.ts";

/** Above this many versions the service refuses a backup (reference: service limits). */
export const BACKUP_VERSIONS_MAX = 500;

const IV_BYTES = 12;
const MAC_BYTES = 16;

/** POST /secrets/{name}/backup: one blob with all versions. */
export function backupSecret(call: Call): Answer {
  const found = call.vault.find(call.name, call.nowMs);
  if (found === undefined || !isReadable(found.phase)) return secretNotFound(call.name);
  const { name, managed, versions } = found.record;
  if (versions.length > BACKUP_VERSIONS_MAX) {
    return badParameter(
      `Secret ${call.name} has more than ${BACKUP_VERSIONS_MAX} versions and cannot be backed up.`,
    );
  }
  return done({ value: seal(call.backupKey, { name, managed, versions }) });
}

/** POST /secrets/restore: only where the name is free, in any vault of this emulator. */
export function restoreSecret(call: Call): Answer {
  const body = readRestoreBody(call.body);
  if (body.kind === "refused") return body;
  const content = open(call.backupKey, body.blob);
  if (content === undefined) return badParameter("Malformed backup blob.");
  const found = call.vault.find(content.name, call.nowMs);
  const blocked = refuseWrite({ ...call, name: content.name }, found);
  if (blocked?.code === "Conflict") return blocked;
  if (found !== undefined)
    return conflict(`Secret ${content.name} already exists or there was a concurrent access.`);
  const record: SecretRecord = { ...content, lifecycle: ACTIVE };
  const version = latestOf(record);
  call.vault.store(record);
  return done(bundleJson(call, record, version, false), { kind: "restore", name: record.name, version });
}

interface BlobContent {
  readonly name: string;
  readonly managed: boolean;
  readonly versions: readonly SecretVersion[];
}

function seal(key: Buffer, content: BlobContent): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, iv);
  const sealed = [iv, cipher.update(JSON.stringify(content), "utf8"), cipher.final(), cipher.getAuthTag()];
  return Buffer.concat(sealed).toString("base64url");
}

function open(key: Buffer, blob: string): BlobContent | undefined {
  const bytes = Buffer.from(blob, "base64url");
  if (bytes.length <= IV_BYTES + MAC_BYTES) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, IV_BYTES));
  decipher.setAuthTag(bytes.subarray(-MAC_BYTES));
  try {
    const text = Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, -MAC_BYTES)), decipher.final()]);
    // The seal is ours, so what is inside has the form that `seal` gave it.
    return JSON.parse(text.toString("utf8")) as BlobContent;
  } catch {
    return undefined;
  }
}
