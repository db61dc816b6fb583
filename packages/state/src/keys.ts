// Owns: every Redis key of Keyferry. No key is written anywhere else. Keys of one script share a hash tag (the part in
// braces), so that a Cluster holds them together. Names of vaults and secrets appear only as hashes: whoever may list
// keys need not read them.
import { createHash } from "node:crypto";
import type { SecretKey, Uid } from "@keyferry/contracts";

const HASH_CHARACTERS = 40; // 160 bits

/** The lock of one name in one vault, whoever wants to write it. */
export function lockKey(vaultHost: string, lowerName: string): string {
  return `keyferry:{lock:${hashOf(vaultHost, lowerName)}}`;
}

export function recordKey(destination: Uid, key: SecretKey): string {
  return `keyferry:{${memberOf(destination, key)}}:record`;
}

export function attemptsKey(destination: Uid, key: SecretKey): string {
  return `keyferry:{${memberOf(destination, key)}}:attempts`;
}

/** The one set of everything that waits for a time. */
export const LATER_KEY = "keyferry:{later}:due";

/** A (destination, secret) as a member of that set. */
export function memberOf(destination: Uid, key: SecretKey): string {
  return `${destination}.${key}`;
}

export function parseMember(member: string): { destination: Uid; key: SecretKey } | undefined {
  const [destination, key, rest] = member.split(".");
  return destination === undefined || key === undefined || rest !== undefined
    ? undefined
    : { destination, key };
}

export interface PacingKeys {
  readonly pause: string;
  /** The vault's bucket of a kind, then, with a rate group, the group's. */
  buckets(kind: string): string[];
  vaultBucket(kind: string): string;
}

/** The keys of a vault's pacing. Vaults of a rate group share a hash tag, as they share a bucket. */
export function pacingKeys(vaultHost: string, rateGroup: string | undefined): PacingKeys {
  const vault = hashOf("vault", vaultHost);
  const tag = rateGroup === undefined ? vault : hashOf("group", rateGroup);
  const vaultBucket = (kind: string): string => `keyferry:{pace:${tag}}:${vault}:${kind}`;
  const group = rateGroup === undefined ? [] : [`keyferry:{pace:${tag}}:group`];
  return {
    pause: `keyferry:{pace:${tag}}:${vault}:pause`,
    vaultBucket,
    buckets: (kind) => [vaultBucket(kind), ...group.map((key) => `${key}:${kind}`)],
  };
}

function hashOf(...fields: readonly string[]): string {
  // JSON keeps the fields apart.
  return createHash("sha256").update(JSON.stringify(fields)).digest("hex").slice(0, HASH_CHARACTERS);
}
