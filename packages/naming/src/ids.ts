// Owns: how Keyferry's identifiers are made. Their shapes are in contracts.
import { createHash } from "node:crypto";
import type { SecretKey, SecretRef, Uid } from "@keyferry/contracts";
import { base32 } from "./base32.ts";
import { lengthPrefixed, macOf } from "./length-prefixed.ts";

/** The part of `ports.Random` that identifiers need. */
export interface RandomBytes {
  bytes(count: number): Buffer;
}

const SECRET_KEY_CHARACTERS = 26; // 130 bits: no collision among any number of secrets

/**
 * `<k>`: a secret's place in subjects and keys. A keyed hash, as a plain one of a path is a dictionary away (hazard
 * guessable-subjects). The accessor stands for the mount, so that a remount keeps it.
 */
export function secretKeyOf(key: Buffer, ref: Pick<SecretRef, "source" | "accessor" | "path">): SecretKey {
  return base32(macOf(key, "secret-key", [ref.source, ref.accessor, ref.path]), SECRET_KEY_CHARACTERS);
}

const UID_CHARACTERS = 20; // 100 bits: nobody has to look whether it is taken
const INSTANCE_CHARACTERS = 13; // as contracts want it; 65 bits among a handful of instances

/** A new uid of a destination or an association. */
export function newUid(random: RandomBytes): Uid {
  return randomText(random, UID_CHARACTERS);
}

/**
 * The uid of the association of a secret with a destination: always the same for the pair, so that the owner tags of a
 * rule-made one, which nobody stores, hold over restarts, and it stays itself when a person sets it (ADR 0009).
 * `<k>` is a keyed hash already.
 */
export function associationUidOf(destination: Uid, secretKey: SecretKey): Uid {
  return derivedUid("association", [destination, secretKey]);
}

/** The uid of a destination's rule of this name. */
export function ruleUidOf(destination: Uid, name: string): Uid {
  return derivedUid("rule", [destination, name]);
}

function derivedUid(purpose: string, fields: readonly string[]): Uid {
  const digest = createHash("sha256")
    .update(lengthPrefixed([purpose, ...fields]))
    .digest();
  return base32(digest, UID_CHARACTERS);
}

/** A new instance id; made once per installation. */
export function newInstanceId(random: RandomBytes): string {
  return randomText(random, INSTANCE_CHARACTERS);
}

/** A new op id: unique per attempt to write, in the intent and in the tags of what is written. */
export function newOpId(random: RandomBytes): string {
  return randomText(random, UID_CHARACTERS);
}

function randomText(random: RandomBytes, characters: number): string {
  return base32(random.bytes(Math.ceil((characters * 5) / 8)), characters);
}
