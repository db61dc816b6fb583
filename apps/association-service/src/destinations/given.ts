// Owns: what counts as sent. Pure.

/** A field's text; undefined where it is absent, null or empty, which Vault's clients use alike. */
export function given(value: string | null | undefined): string | undefined {
  return value === null || value === undefined || value === "" ? undefined : value;
}

/** True for what an answer shows in place of a secret: Vault's UI sends it back (reference: `^\*+$`). */
export function isMask(value: string): boolean {
  return /^\*+$/.test(value);
}
