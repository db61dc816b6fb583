// Owns: from what a template gave to what Key Vault takes. Does not own: collisions; they are between secrets, and
// whoever knows all of them decides.
import { createHash } from "node:crypto";
import { base32 } from "./base32.ts";

export type NormalisedName =
  | { kind: "ok"; name: string; altered: boolean }
  | { kind: "refused"; why: string };

const NAME_CHARACTERS_MAX = 127; // reference: Key Vault names are 1 to 127 characters of 0-9, A-Z, a-z and '-'
const HASH_CHARACTERS = 12; // 60 bits: two cut names of one vault do not meet by chance, nor by a search at a desk

/**
 * The name in Key Vault's alphabet. Each character outside it becomes one '-', as Vault does; runs are kept, so that
 * fewer names meet. A name that is too long is cut and ends in a hash of the whole. Depends on nothing but its input:
 * a name maps to the same one for ever.
 *
 * `hashWhenAltered` adds that hash also where a character was replaced, for names that no person chose: `x_y` must not
 * be able to take `x-y` (O19, hazard name-squatting).
 */
export function normaliseName(
  raw: string,
  options: { hashWhenAltered?: boolean | undefined } = {},
): NormalisedName {
  if (raw === "") return { kind: "refused", why: "the name is empty" };
  const legal = raw.replaceAll(/[^0-9A-Za-z-]/gu, "-");
  const altered = legal !== raw;
  const mark = altered && options.hashWhenAltered === true;
  if (legal.length <= NAME_CHARACTERS_MAX && !mark) return { kind: "ok", name: legal, altered };
  const hash = base32(createHash("sha256").update(raw, "utf8").digest(), HASH_CHARACTERS);
  const head = legal.slice(0, NAME_CHARACTERS_MAX - 1 - HASH_CHARACTERS);
  return { kind: "ok", name: `${head}-${hash}`, altered: true };
}
