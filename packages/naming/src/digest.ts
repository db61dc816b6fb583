// Owns: digests of values. They say "the same" and nothing else: keyed, the key derived per destination, and over the
// name, so that equal passwords do not show as equal across names, vaults or time (hazard digest-tells-equality).
import { createHash, timingSafeEqual } from "node:crypto";
import type { Uid } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import type { SecretValue } from "@keyferry/ports";
import { lengthPrefixed, macOf } from "./length-prefixed.ts";

/** The keys that make and verify tags; old ones stay as long as tags of theirs are about (hazard tag-key-lost). */
export interface TagKeys {
  /** Id of the key that new tags are made with; 1 to 16 of a-z, 0-9 and '-'. */
  readonly active: string;
  readonly keys: ReadonlyMap<string, Buffer>;
}

export interface DigestKey {
  /** Id of the tag key it is derived from; it stands in front of every digest. */
  readonly id: string;
  readonly key: Buffer;
}

export interface DigestFields {
  readonly vaultHost: string;
  readonly lowerName: string;
  readonly incarnation: string;
  readonly version: number;
  readonly value: SecretValue;
  readonly contentType: string | undefined;
}

export interface TagAttributes {
  readonly contentType?: string | undefined;
  readonly enabled?: boolean | undefined;
  /** Milliseconds since 1970. */
  readonly notBefore?: number | undefined;
  readonly expires?: number | undefined;
}

/** The key of one destination's digests. */
export function deriveDigestKey(tagKey: DigestKey, destination: Uid): DigestKey {
  return { id: tagKey.id, key: macOf(tagKey.key, "digest-key", [destination]) };
}

/** Derived keys by the set of tag keys: a set is never changed, and each write of a destination needs the same one. */
const derived = new WeakMap<TagKeys, Map<Uid, DigestKey>>();
/** Destinations of an instance, published: 500. More are derived each time. */
const DERIVED_MAX = 1_000;

/** The key of new digests of a destination. Throws `unexpected` if the active tag key is missing. */
export function activeDigestKey(tagKeys: TagKeys, destination: Uid): DigestKey {
  const known = derived.get(tagKeys) ?? new Map<Uid, DigestKey>();
  derived.set(tagKeys, known);
  const key = known.get(destination) ?? deriveDigestKey(activeTagKey(tagKeys), destination);
  if (known.size < DERIVED_MAX) known.set(destination, key);
  return key;
}

/** The key that new tags are made with. Throws `unexpected` if it is missing. */
export function activeTagKey(tagKeys: TagKeys): DigestKey {
  const key = tagKeys.keys.get(tagKeys.active);
  if (key === undefined)
    throw new KeyferryError("unexpected", "The active tag key is not among the tag keys");
  return { id: tagKeys.active, key };
}

/** `<key id>.<43 characters of base64url>`. */
export function digestOf(fields: DigestFields & { readonly key: DigestKey }): string {
  const mac = macOf(fields.key.key, "value", [
    fields.vaultHost,
    fields.lowerName,
    fields.incarnation,
    String(fields.version),
    fields.value.reveal(),
    // An absent content type and an empty one are two things: the first leaves Key Vault's field out.
    fields.contentType === undefined ? "none" : `is:${fields.contentType}`,
  ]);
  return `${fields.key.id}.${mac.toString("base64url")}`;
}

/** Compares a recorded digest, with the key that made it: a rotation of tag keys changes no digest's meaning. */
export function digestMatches(
  digest: string,
  fields: DigestFields,
  tagKeys: TagKeys,
  destination: Uid,
): "same" | "different" | "unknown-key" {
  const id = digest.slice(0, Math.max(0, digest.indexOf(".")));
  const key = tagKeys.keys.get(id);
  if (key === undefined) return "unknown-key";
  const wanted = Buffer.from(digestOf({ ...fields, key: deriveDigestKey({ id, key }, destination) }));
  const given = Buffer.from(digest);
  return given.length === wanted.length && timingSafeEqual(given, wanted) ? "same" : "different";
}

/** Digest of what PATCH can change: the custom tags (never ours, which differ at each write) and the attributes. */
export function tagsDigest(customTags: Readonly<Record<string, string>>, attributes: TagAttributes): string {
  const tags = Object.entries(customTags).sort(([a], [b]) => (a < b ? -1 : 1));
  const fields = [
    String(tags.length),
    ...tags.flat(),
    attributes.contentType === undefined ? "none" : `is:${attributes.contentType}`,
    // Absent means enabled, as it does for Key Vault.
    String(attributes.enabled ?? true),
    seconds(attributes.notBefore),
    seconds(attributes.expires),
  ];
  return createHash("sha256").update(lengthPrefixed(fields)).digest("base64url").slice(0, 27);
}

/** Key Vault keeps whole seconds; what it cannot show must not look like a change. */
function seconds(ms: number | undefined): string {
  return ms === undefined ? "" : String(Math.floor(ms / 1000));
}
