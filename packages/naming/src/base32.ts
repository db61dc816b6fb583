// RFC 4648's alphabet in lower case and without padding: letters and digits that are legal in subjects, keys, tags and
// Key Vault names alike, and that survive a comparison that ignores case.
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** The first `characters` of the bytes' base32; the bytes must hold that many (5 bits a character). */
export function base32(bytes: Uint8Array, characters: number): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5 && text.length < characters) {
      bits -= 5;
      text += ALPHABET.charAt((held >>> bits) & 31);
    }
    held &= (1 << bits) - 1;
  }
  return text;
}
