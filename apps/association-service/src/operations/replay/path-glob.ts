// Owns: globs over paths: `*` within a part, `**` for any number of parts, `?` for one character. Pure.

const CHARACTERS_MAX = 512; // of a glob: longer than any that a person writes
const SPECIAL = /[.+^${}()|[\]\\]/g;

export type GlobRead =
  | { readonly kind: "ok"; readonly matches: (path: string) => boolean }
  | { readonly kind: "refused"; readonly why: string };

/** Compiles a glob, or says what is wrong with it. */
export function compileGlob(glob: string): GlobRead {
  const refuse = (why: string): GlobRead => ({ kind: "refused", why: `the glob '${glob}' ${why}` });
  if (glob === "") return refuse("is empty: leave it out, or write ** for everything");
  if (glob.length > CHARACTERS_MAX) return refuse(`is longer than ${CHARACTERS_MAX} characters`);
  const parts = glob.split("/");
  if (parts.includes("")) return refuse("has an empty part: write it without slashes at its ends");
  if (parts.some((part) => part !== "**" && part.includes("**"))) {
    return refuse("has a ** inside a part: ** stands alone between slashes");
  }
  const pattern = new RegExp(`^${patternOf(parts)}$`, "u");
  return { kind: "ok", matches: (path) => pattern.test(path) };
}

function patternOf(parts: readonly string[]): string {
  let pattern = "";
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    if (part === "**") {
      // At the end it takes the rest; before other parts it takes any number of whole ones, also none.
      pattern += isLast ? ".+" : "(?:[^/]+/)*";
      continue;
    }
    const escaped = part.replace(SPECIAL, "\\$&").replaceAll("*", "[^/]*").replaceAll("?", "[^/]");
    pattern += isLast ? escaped : `${escaped}/`;
  }
  return pattern;
}
