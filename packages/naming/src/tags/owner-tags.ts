// Owns: the two tags by which Keyferry knows its own secrets in Key Vault, and how they are believed.
// Invariants: at most two tags of ours, each name and value at most 256 characters (reference: one copy of Microsoft's
// page says 256, another 512). Nothing of a tag is used before its MAC is verified, except the instance id and the key
// id, which only ever lead to "not ours" (P3). The MAC covers both tags, the vault and the name, so that neither a copy
// to another name nor a mixture of two versions' tags is believed (hazard copied-tags).
import { timingSafeEqual } from "node:crypto";
import type { Fence, SecretKey, Uid } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import { activeTagKey, type TagKeys } from "../digest.ts";
import { macOf } from "../length-prefixed.ts";

/** Says whose it is. Anybody can read it: no path and no value in it. */
export const OWNER_TAG = "keyferry-owner";
/** Says what was written there. */
export const STATE_TAG = "keyferry-state";

const FORM = "v1";
const TAG_CHARACTERS_MAX = 256;
const MAC_CHARACTERS = 43; // 256 bits of base64url

/** Where the tags are, and by whom: a tag is only ours if all three are. */
export interface Placement {
  readonly instanceId: string;
  readonly vaultHost: string;
  readonly lowerName: string;
}

/** What our tags say of the version that carries them. */
export interface OwnerMark {
  readonly association: Uid;
  readonly fence: Fence;
  readonly opId: string;
  readonly sourceVersion: number;
  readonly digest: string;
}

export type Owner =
  | { kind: "none" }
  /** `keyId`: of the tag key that signed it, which may be one from before a rotation. */
  | ({ kind: "ours"; keyId: string } & OwnerMark)
  | { kind: "other-instance"; instanceId: string }
  /** Our form and instance, but the MAC does not fit: copied from another name, or edited. */
  | { kind: "forged" }
  /** Made with a key that we do not have: to be reported, never a ground to write or delete (O14). */
  | { kind: "unknown-key"; keyId: string }
  /** Retained on delete: anybody's again, and adoptable by the same source secret (hazard retained-still-ours). */
  | { kind: "released"; secretKey: SecretKey };

export type Tags = Readonly<Record<string, string>>;

/** A version's tags without ours: somebody else's, to be kept where ours are taken away. */
export function foreignTags(tags: Tags): Record<string, string> {
  const theirs = Object.entries(tags).filter(
    ([name]) => ![OWNER_TAG, STATE_TAG].includes(name.toLowerCase()),
  );
  return Object.fromEntries(theirs);
}

/** The two tags of a version that we write. Throws `unexpected` for a field that would not be read back as it is. */
export function ownerTags(mark: Placement & OwnerMark, tagKeys: TagKeys): Record<string, string> {
  const state = [FORM, field(mark.opId), String(mark.sourceVersion), digestField(mark.digest)].join(".");
  const subject = `${field(mark.association)}.${mark.fence.epoch}.${mark.fence.sequence}`;
  return { [OWNER_TAG]: signed("owned", mark, subject, state, tagKeys), [STATE_TAG]: within(state) };
}

/** The tags of a secret that stays behind when its association goes (`on_delete: retain`): one, and no state. */
export function releasedTags(
  mark: Placement & { readonly secretKey: SecretKey },
  tagKeys: TagKeys,
): Record<string, string> {
  return { [OWNER_TAG]: signed("released", mark, field(mark.secretKey), "", tagKeys) };
}

/** Whose the tags say a secret is. */
export function readOwner(tags: Tags | undefined, placement: Placement, tagKeys: TagKeys): Owner {
  const text = tags === undefined || !Object.hasOwn(tags, OWNER_TAG) ? undefined : tags[OWNER_TAG];
  if (text === undefined) return { kind: "none" };
  const parsed = /^v1\.(owned|released)\.([a-z0-9-]{1,16})\.([a-z2-7]{13})\.([a-z0-9.]+)\.([\w-]{43})$/.exec(
    text,
  );
  if (parsed === null) return { kind: "forged" };
  const [, what = "", keyId = "", instanceId = "", subject = "", mac = ""] = parsed;
  // Before the MAC: another instance's keys are not ours to have, so its tags can't be verified here.
  if (instanceId !== placement.instanceId) return { kind: "other-instance", instanceId };
  const key = tagKeys.keys.get(keyId);
  if (key === undefined) return { kind: "unknown-key", keyId };
  const state = (what === "owned" ? tags?.[STATE_TAG] : undefined) ?? "";
  const wanted = Buffer.from(macText(key, what, placement, subject, state));
  const given = Buffer.from(mac);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return { kind: "forged" };
  return what === "released" ? { kind: "released", secretKey: subject } : readMark(keyId, subject, state);
}

function readMark(keyId: string, subject: string, state: string): Owner {
  const [association = "", epoch = "", sequence = ""] = subject.split(".");
  const [, opId = "", version = "", ...digest] = state.split(".");
  return {
    kind: "ours",
    keyId,
    association,
    fence: { epoch: Number(epoch), sequence: Number(sequence) },
    opId,
    sourceVersion: Number(version),
    digest: digest.join("."),
  };
}

function signed(what: string, at: Placement, subject: string, state: string, tagKeys: TagKeys): string {
  const { id, key } = activeTagKey(tagKeys);
  if (!/^[a-z0-9-]{1,16}$/.test(id)) throw illegal("id of the tag key");
  if (!/^[a-z2-7]{13}$/.test(at.instanceId)) throw illegal("instance id");
  return within([FORM, what, id, at.instanceId, subject, macText(key, what, at, subject, state)].join("."));
}

function macText(key: Buffer, what: string, at: Placement, subject: string, state: string): string {
  const mac = macOf(key, "owner-tag", [what, at.instanceId, at.vaultHost, at.lowerName, subject, state]);
  return mac.toString("base64url").slice(0, MAC_CHARACTERS);
}

function field(text: string): string {
  if (!/^[a-z0-9]{1,40}$/.test(text)) throw illegal("field");
  return text;
}

function digestField(text: string): string {
  if (!/^[\w.-]{1,80}$/.test(text)) throw illegal("digest");
  return text;
}

function within(text: string): string {
  if (text.length > TAG_CHARACTERS_MAX) throw illegal("length");
  return text;
}

function illegal(what: string): KeyferryError {
  return new KeyferryError("unexpected", `The ${what} of an owner tag is not in the form that tags have`);
}
