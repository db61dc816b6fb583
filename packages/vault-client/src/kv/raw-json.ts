// Owns: finding a value's text inside a JSON document without turning it into JavaScript values: numbers above 2^53 and
// `1.0` must reach Key Vault as the source wrote them (DESIGN section 7, lossless JSON numbers).
// Precondition of all functions: the text is valid JSON (the caller has parsed it).

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACE_OPEN = 0x7b;
const BRACE_CLOSED = 0x7d;
const BRACKET_OPEN = 0x5b;
const BRACKET_CLOSED = 0x5d;

/** The text of the value under these nested keys, exactly as it stands; undefined if it isn't there. */
export function rawValueAt(json: string, keys: readonly string[]): string | undefined {
  let start = skipSpace(json, 0);
  for (const key of keys) {
    const found = findMember(json, start, key);
    if (found === undefined) return undefined;
    start = found;
  }
  return json.slice(start, skipValue(json, start));
}

/** The members of an object's text: key (decoded) and text of its value, in document order. */
export function* rawMembers(json: string, from = 0): Generator<readonly [string, string]> {
  for (const [key, start] of members(json, skipSpace(json, from))) {
    yield [key, json.slice(start, skipValue(json, start))];
  }
}

function findMember(json: string, objectStart: number, wanted: string): number | undefined {
  for (const [key, valueStart] of members(json, objectStart)) {
    if (key === wanted) return valueStart;
  }
  return undefined;
}

function* members(json: string, objectStart: number): Generator<readonly [string, number]> {
  if (json[objectStart] !== "{") return;
  let at = skipSpace(json, objectStart + 1);
  while (at < json.length && json[at] !== "}") {
    const keyEnd = skipString(json, at);
    const key = JSON.parse(json.slice(at, keyEnd)) as string;
    const valueStart = skipSpace(json, skipSpace(json, keyEnd) + 1);
    yield [key, valueStart];
    at = skipSpace(json, skipValue(json, valueStart));
    if (json[at] === ",") at = skipSpace(json, at + 1);
  }
}

function skipValue(json: string, start: number): number {
  const first = json[start];
  if (first === '"') return skipString(json, start);
  if (first === "{" || first === "[") return skipNested(json, start);
  let at = start;
  while (at < json.length && !",]} \t\n\r".includes(json.charAt(at))) at += 1;
  return at;
}

function skipNested(json: string, start: number): number {
  let depth = 0;
  for (let at = start; at < json.length; at += 1) {
    switch (json.charCodeAt(at)) {
      case QUOTE:
        at = skipString(json, at) - 1;
        break;
      case BRACE_OPEN:
      case BRACKET_OPEN:
        depth += 1;
        break;
      case BRACE_CLOSED:
      case BRACKET_CLOSED:
        depth -= 1;
        if (depth === 0) return at + 1;
        break;
      default:
    }
  }
  return json.length;
}

// By indexOf, as a page of a sweep is megabytes of strings.
function skipString(json: string, start: number): number {
  for (let at = json.indexOf('"', start + 1); at !== -1; at = json.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (json.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return at + 1;
  }
  return json.length;
}

function skipSpace(json: string, start: number): number {
  let at = start;
  while (" \t\n\r".includes(json.charAt(at)) && at < json.length) at += 1;
  return at;
}
