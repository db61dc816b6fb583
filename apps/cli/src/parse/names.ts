// Owns: names of destinations, secrets and globs as people type them. Pure. The server checks them again.

import { usageFailure } from "../failure.ts";

const DESTINATION = /^\w(?:[\w.-]*\w)?$/;

/** A destination's name, with or without its type before it. @throws Failure */
export function parseDestination(text: string): string {
  const name = text.startsWith("azure-kv/") ? text.slice("azure-kv/".length) : text;
  if (name.includes("/")) {
    throw usageFailure(
      `'${text}' is not a destination`,
      "Destinations are of the type azure-kv: write NAME or azure-kv/NAME.",
    );
  }
  if (!DESTINATION.test(name)) {
    throw usageFailure(
      `'${text}' is not a destination's name`,
      "Names have letters, digits and '_', with '-' and '.' inside. `keyferry status` lists them.",
    );
  }
  return name;
}

export interface SecretName {
  readonly mount: string;
  readonly path: string;
}

/**
 * `MOUNT/PATH` as a person writes it. Where the mount itself has slashes, `mount` says where it ends.
 * @throws Failure
 */
export function parseSecret(text: string, mount?: string): SecretName {
  const fix = "Write MOUNT/PATH, as my-kv/app/db; with --mount for a mount whose path has slashes.";
  const trimmed = text.replace(/^\/+/, "");
  if (mount !== undefined) {
    const within = `${mount.replace(/\/+$/, "")}/`;
    const path = trimmed.startsWith(within) ? trimmed.slice(within.length) : trimmed;
    return { mount: within.slice(0, -1), path: checkedPath(path, text, fix) };
  }
  const at = trimmed.indexOf("/");
  if (at < 1) throw usageFailure(`'${text}' names no secret`, fix);
  const path = trimmed.slice(at + 1);
  if (path.startsWith("data/") || path.startsWith("metadata/")) {
    throw usageFailure(
      `'${text}' is the API's path`,
      `Write it as \`kv get\` has it: ${trimmed.slice(0, at)}/${path.slice(path.indexOf("/") + 1)}`,
    );
  }
  return { mount: trimmed.slice(0, at), path: checkedPath(path, text, fix) };
}

function checkedPath(path: string, text: string, fix: string): string {
  if (path === "" || path.endsWith("/")) throw usageFailure(`'${text}' names no secret`, fix);
  return path;
}

/** A glob over paths: `*` within a segment, `**` across, `?` one character. @throws Failure */
export function parseGlob(text: string): string {
  const fix =
    "Use * within a part of the path, ** across parts and ? for one character, as app/** or team-?/db.";
  if (text === "") throw usageFailure("The glob is empty", fix);
  if (text.startsWith("/") || text.includes("//")) throw usageFailure(`'${text}' has an empty part`, fix);
  const wrong = /[[\]{}()!|^$\\]/.exec(text)?.[0];
  if (wrong !== undefined) throw usageFailure(`'${text}': a glob has no '${wrong}'`, fix);
  if (/[^/]\*\*|\*\*[^/]/.test(text)) throw usageFailure(`'${text}': ** stands alone between slashes`, fix);
  return text;
}

/** `key=value`. @throws Failure */
export function parsePair(text: string): string {
  if (!/^[^=]+=/.test(text)) throw usageFailure(`'${text}' is not KEY=VALUE`, "Write team=platform.");
  return text;
}
