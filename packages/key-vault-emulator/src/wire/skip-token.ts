// Owns: the place in a list to go on from. Opaque to clients; inside, the list and the last key it gave.
// A token is a cursor, not an index: what was added before it is not seen, what was removed does not shift the rest.

/** Which list a token belongs to: a token of another list is refused. */
export type ListKind = "secrets" | "deletedsecrets" | "versions";

const PREFIX = "1";

export function encodeSkipToken(list: ListKind, lastKey: string): string {
  return Buffer.from(`${PREFIX}!${list}!${lastKey}`, "utf8").toString("base64url");
}

/** The key after which the list goes on; undefined where the token is not one of this list. */
export function decodeSkipToken(list: ListKind, token: string): string | undefined {
  const [prefix, kind, lastKey, rest] = Buffer.from(token, "base64url").toString("utf8").split("!");
  if (prefix !== PREFIX || kind !== list || rest !== undefined) return undefined;
  if (lastKey === undefined || !/^[0-9a-z-]{1,127}$/.test(lastKey)) return undefined;
  return lastKey;
}
