import type { Bus } from "@keyferry/bus";
import { KeyferryError } from "@keyferry/errors";
import type { TagKeys } from "@keyferry/naming";
import type { VaultClient } from "@keyferry/vault-client";
import type { Identity } from "../ports.ts";

/** Path in Keyferry's own mount of the keys that sign owner tags and digests. */
const TAG_KEYS_PATH = "instance/tag-keys";

/** Path there of the instance's id, beside the one in NATS. */
const ID_PATH = "instance/id";

/**
 * Reads who we are. Throws `bus-not-provisioned` until the association-service has made it, and `instance-mismatch`
 * where the source belongs to another instance: a copy of NATS must not write as the one it was copied from (hazard
 * cloned-instance).
 */
export async function readIdentity(
  bus: Pick<Bus, "instance">,
  source: Pick<VaultClient, "readSecret">,
  ownMount: { namespace: string; mount: string },
  signal: AbortSignal,
): Promise<Identity> {
  const instance = await bus.instance.get("instance");
  if (instance === undefined) throw notYet("the instance record");
  const { instanceId } = instance.value;
  const id = await source.readSecret({ ...ownMount, path: ID_PATH }, undefined, signal);
  if (id.kind !== "live") throw notYet("the instance's id");
  const there = id.data.get("id")?.reveal() ?? "";
  if (there !== instanceId) {
    const message = `NATS is of instance ${instanceId}, the source of another: nothing is written`;
    throw new KeyferryError("instance-mismatch", message, { instanceId });
  }
  const read = await source.readSecret({ ...ownMount, path: TAG_KEYS_PATH }, undefined, signal);
  if (read.kind !== "live") throw notYet("the tag keys");
  const active = read.data.get("active")?.reveal() ?? "";
  return {
    instanceId,
    tagKeys: parseTagKeys(active, read.data.get("keys")?.reveal() ?? ""),
  };
}

/** Keys as they are stored: a JSON object from key id to 32 bytes in base64. Throws `source-answer-unknown`. */
export function parseTagKeys(active: string, keysJson: string): TagKeys {
  const keys = new Map<string, Buffer>();
  for (const [id, text] of Object.entries(parseObject(keysJson))) {
    const key = typeof text === "string" ? Buffer.from(text, "base64") : Buffer.alloc(0);
    if (key.length < 32) throw unusable(`key ${id} is shorter than 32 bytes`);
    keys.set(id, key);
  }
  if (!keys.has(active)) throw unusable("the active key is missing");
  return { active, keys };
}

function parseObject(json: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(json);
    if (typeof parsed === "object" && parsed !== null) return { ...parsed };
  } catch {
    throw unusable("not JSON");
  }
  throw unusable("not an object");
}

function unusable(why: string): KeyferryError {
  return new KeyferryError(
    "source-answer-unknown",
    `${TAG_KEYS_PATH} in Keyferry's own mount can't be used: ${why}`,
  );
}

function notYet(what: string): KeyferryError {
  return new KeyferryError("bus-not-provisioned", `The association-service has not made ${what} yet`);
}
