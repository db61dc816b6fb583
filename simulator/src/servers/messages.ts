// Owns: a stored message, and which subjects a filter means.
export interface StoredMessage {
  readonly subject: string;
  readonly sequence: number;
  readonly data: Uint8Array;
  readonly headers: unknown;
  /** Milliseconds since 1970. */
  readonly time: number;
  isGone: boolean;
}

const split = new Map<string, readonly string[]>();

function tokensOf(text: string): readonly string[] {
  let tokens = split.get(text);
  if (tokens === undefined) {
    if (split.size > 50_000) split.clear();
    tokens = text.split(".");
    split.set(text, tokens);
  }
  return tokens;
}

/** Whether a subject is one of a filter's (`*` one token, `>` the rest). */
export function isMatch(filter: string, subject: string): boolean {
  if (filter === subject) return true;
  const wanted = tokensOf(filter);
  const given = tokensOf(subject);
  for (let index = 0; index < wanted.length; index += 1) {
    if (wanted[index] === ">") return given.length > index;
    if (index >= given.length) return false;
    if (wanted[index] !== "*" && wanted[index] !== given[index]) return false;
  }
  return wanted.length === given.length;
}
