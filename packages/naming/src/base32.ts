// RFC 4648's alphabet in lower case and without padding: letters and digits that are legal in subjects, keys, tags and
// Key Vault names alike, and that survive a comparison that ignores case.
const ALPHABET = Buffer.from("abcdefghijklmnopqrstuvwxyz234567", "latin1");

/** The first `characters` of the bytes' base32; the bytes must hold that many (5 bits a character). */
export function base32(bytes: Uint8Array, characters: number): string {
  // Put together character by character, V8 would keep a string of 26 as a chain of 26, ten times its size: one for each
  // secret in the detector's memory.
  const text = Buffer.alloc(characters);
  let length = 0;
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5 && length < characters) {
      bits -= 5;
      text[length] = ALPHABET[(held >>> bits) & 31] ?? 0;
      length += 1;
    }
    held &= (1 << bits) - 1;
  }
  return text.toString("latin1", 0, length);
}
