/** Every planted value holds this, so that one search finds any of them anywhere. */
export const CANARY = "cnry-";

/** The value of a write, by the write's number; `key` under secret-key. */
export function canaryValue(write: number, key = ""): string {
  return `${CANARY}${write}-${key}`;
}

/** The number of the write that a value came from. */
export function writeOf(value: string): number | undefined {
  const found = /cnry-(\d+)-/.exec(value);
  return found?.[1] === undefined ? undefined : Number(found[1]);
}
