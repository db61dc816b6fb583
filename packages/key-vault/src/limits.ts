// Owns: Key Vault's limits, checked before the call: its own answers to a breach mislead (reference: a too long name is
// "not found"), and a refused PUT may cost a create token.
import { KeyferryError } from "@keyferry/errors";
import type { SecretValue } from "@keyferry/ports";

const VALUE_BYTES_MAX = 25_600; // reference: "25 KB", in bytes
const NAME = /^[0-9A-Za-z-]{1,127}$/;
const VERSION = /^[0-9a-fA-F]{32}$/;
const TAGS_MAX = 15;
const TAG_CHARACTERS_MAX = 256; // reference: one copy of the page says 256, another 512; the lower is safe
const CONTENT_TYPE_CHARACTERS_MAX = 255;

/** Throws `name-invalid`. */
export function checkName(name: string): void {
  if (NAME.test(name)) return;
  throw new KeyferryError("name-invalid", "The name is not 1 to 127 characters of 0-9, A-Z, a-z and '-'", {
    characters: name.length,
  });
}

/** Throws `vault-rejected`: without a version, Key Vault takes the latest, which may be somebody else's (hazard patch-of-latest). */
export function checkVersion(version: string): void {
  if (VERSION.test(version)) return;
  throw new KeyferryError("vault-rejected", "The version is not 32 hexadecimal digits");
}

/** Throws `value-too-large`. An empty value is legal (reference: recorded). */
export function checkValue(value: SecretValue): void {
  const { sizeBytes } = value;
  if (sizeBytes <= VALUE_BYTES_MAX) return;
  throw new KeyferryError(
    "value-too-large",
    `The value has ${sizeBytes} bytes, more than ${VALUE_BYTES_MAX}`,
    {
      sizeBytes,
    },
  );
}

/** Throws `tags-invalid` or, for the content type, `vault-rejected`. */
export function checkAttributes(attributes: {
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly contentType?: string | undefined;
}): void {
  const tags = Object.entries(attributes.tags ?? {});
  if (tags.length > TAGS_MAX) {
    throw new KeyferryError("tags-invalid", `${tags.length} tags, more than ${TAGS_MAX}`);
  }
  for (const [name, value] of tags) {
    if (name !== "" && name.length <= TAG_CHARACTERS_MAX && value.length <= TAG_CHARACTERS_MAX) continue;
    throw new KeyferryError(
      "tags-invalid",
      `A tag's name or value is empty or longer than ${TAG_CHARACTERS_MAX}`,
    );
  }
  const contentType = attributes.contentType ?? "";
  if (contentType.length > CONTENT_TYPE_CHARACTERS_MAX) {
    throw new KeyferryError(
      "vault-rejected",
      `The content type is longer than ${CONTENT_TYPE_CHARACTERS_MAX}`,
    );
  }
}
