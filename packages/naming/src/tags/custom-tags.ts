// Owns: which tags of a person are taken, and that they never displace ours (hazard user-tags-displace-ours).
import { OWNER_TAG, STATE_TAG, type Tags } from "./owner-tags.ts";

const CUSTOM_TAGS_MAX = 13; // reference: Key Vault takes 15 tags; two are ours
const TAG_CHARACTERS_MAX = 256;

export type CustomTagsCheck = { kind: "ok" } | { kind: "refused"; what: string };
export type MergedTags = { kind: "ok"; tags: Record<string, string> } | { kind: "refused"; what: string };

/** What can be said of custom tags before any secret is at hand: for the API, at the write. */
export function checkCustomTags(custom: Tags): CustomTagsCheck {
  const names = Object.keys(custom);
  const reserved = names.find(isOurs);
  if (reserved !== undefined) return { kind: "refused", what: `the tag '${reserved}' is Keyferry's own` };
  const spaced = names.find((name) => /[\s\p{Cc}]/u.test(name));
  if (spaced !== undefined) {
    return { kind: "refused", what: `the name of the tag ${JSON.stringify(spaced)} has white space in it` };
  }
  return checkSizes(custom);
}

/**
 * All tags of a version. Ours win by construction: a custom tag of the same name, in whatever case, is left out, and
 * what would not fit beside ours is refused rather than cut.
 */
export function mergeTags(custom: Tags, ours: Tags): MergedTags {
  const sizes = checkSizes(custom);
  if (sizes.kind === "refused") return sizes;
  const theirs = Object.entries(custom).filter(([name]) => !isOurs(name));
  // From entries, so that a tag named __proto__ becomes a tag.
  return { kind: "ok", tags: Object.fromEntries([...theirs, ...Object.entries(ours)]) };
}

function checkSizes(custom: Tags): CustomTagsCheck {
  const entries = Object.entries(custom);
  if (entries.length > CUSTOM_TAGS_MAX) {
    return { kind: "refused", what: `${entries.length} custom tags, more than ${CUSTOM_TAGS_MAX}` };
  }
  for (const [name, value] of entries) {
    if (name === "") return { kind: "refused", what: "a custom tag without a name" };
    if (name.length > TAG_CHARACTERS_MAX) {
      return {
        kind: "refused",
        what: `the name of the tag '${name.slice(0, 40)}…' is longer than 256 characters`,
      };
    }
    if (value.length > TAG_CHARACTERS_MAX) {
      return { kind: "refused", what: `the value of the tag '${name}' is longer than 256 characters` };
    }
  }
  return { kind: "ok" };
}

function isOurs(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === OWNER_TAG || lower === STATE_TAG;
}
