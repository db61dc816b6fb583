import { z } from "zod";

/** Which secret: a path in a KVv2 mount of a source. The accessor, not the path, identifies the mount (it survives a remount). */
export const secretRefSchema = z.object({
  source: z.string().min(1),
  /** Without slashes at its ends; empty for the root namespace. */
  namespace: z.string(),
  /** The mount's path without slashes at its ends. */
  mount: z.string().min(1),
  accessor: z.string().min(1),
  path: z.string().min(1),
});
export type SecretRef = z.infer<typeof secretRefSchema>;

/** `<k>`: a secret's place in subjects and keys; 26 characters of base32 over a keyed hash, as paths are sensitive. */
export const secretKeySchema = z.string().regex(/^[a-z2-7]{26}$/);
export type SecretKey = z.infer<typeof secretKeySchema>;

export type PathCheck = { kind: "ok"; path: string } | { kind: "refused"; why: string };

const PATH_CHARACTERS_MAX = 1_024; // longer than any path a person writes, short enough for every message limit

/**
 * The one canonical form of a secret's path or a mount's path: segments joined by single slashes, without any at the
 * ends of a mount. What has two spellings is refused rather than mended, so that the string that is authorised is the
 * string that is read (hazard path-two-spellings).
 */
export function checkPath(raw: string, what: "mount" | "secret_name"): PathCheck {
  const path = what === "mount" ? raw.replace(/\/$/, "") : raw;
  if (path === "") return { kind: "refused", why: `${what} is empty` };
  if (path.length > PATH_CHARACTERS_MAX) {
    return { kind: "refused", why: `${what} is longer than ${PATH_CHARACTERS_MAX} characters` };
  }
  // Control characters can't be shown in an error or a log without confusing whoever reads it.
  if (/\p{Cc}/u.test(path)) return { kind: "refused", why: `${what} has a control character` };
  if (path.includes("%"))
    return { kind: "refused", why: `${what} has a '%': write the path without percent-encoding` };
  for (const segment of path.split("/")) {
    if (segment === "") return { kind: "refused", why: `${what} has an empty segment (a slash too many)` };
    if (segment === "." || segment === "..")
      return { kind: "refused", why: `${what} has a '${segment}' segment` };
  }
  return { kind: "ok", path };
}
