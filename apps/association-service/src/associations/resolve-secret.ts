// Owns: from the two strings of a set to a secret that may be associated: one canonical spelling, the caller's right
// proven with that very string, and only then the mount looked up with Keyferry's own token (hazards
// path-two-spellings, capabilities-corners, own-mount-associated).

import { checkPath, type SecretRef } from "@keyferry/contracts";
import { z } from "zod";
import { secretDenied } from "../authorise/authorise.ts";
import type { Caller } from "../authorise/caller.ts";
import { SharedLooks } from "../boot/shared-looks.ts";
import { describeIssues, flagField, textField } from "../gateway/coerce.ts";
import { badRequest } from "../gateway/refusal.ts";
import type { MountFound, SourcePort } from "../ports.ts";

const SECRET_MISSING = "Secret not found. Please provide full path to existing secret";

/** Fields of set and remove, and of the query for a secret's destinations. Both are needed; who leaves one out is told so. */
export const namedSecretSchema = z.object({
  mount: textField.optional(),
  secret_name: textField.optional(),
});

/** Fields of remove. */
export const removalSchema = namedSecretSchema.extend({
  force: flagField
    .optional()
    .describe("Ours: gives a removal up whose unsync was refused; what is in Key Vault stays there."),
});

/** The two strings of set and remove, each in its one spelling. */
export interface NamedSecret {
  readonly mount: string;
  readonly path: string;
}

/**
 * Reads `mount` and `secret_name`.
 * @throws Refusal 400 naming each wrong field
 */
export function readNamedSecret(body: Readonly<Record<string, unknown>>): NamedSecret {
  const parsed = namedSecretSchema.safeParse(body);
  if (!parsed.success) throw badRequest(...describeIssues(parsed.error));
  const errors: string[] = [];
  const mount = canonical("mount", parsed.data.mount, "a KV v2 mount's path, as my-kv", errors);
  const path = canonical("secret_name", parsed.data.secret_name, "the secret's path in the mount", errors);
  if (errors.length > 0) throw badRequest(...errors);
  return { mount, path };
}

function canonical(
  field: "mount" | "secret_name",
  raw: string | undefined,
  what: string,
  errors: string[],
): string {
  if (raw === undefined) {
    errors.push(`${field} is missing: send ${what}`);
    return "";
  }
  // Vault's own words, as for a secret that isn't there: a folder is none.
  if (field === "secret_name" && raw.endsWith("/")) {
    errors.push(SECRET_MISSING);
    return "";
  }
  const check = checkPath(raw, field);
  if (check.kind === "ok") return check.path;
  errors.push(check.why);
  return "";
}

export interface SecretFinderOptions {
  readonly source: Pick<SourcePort, "mountOf" | "readMetadata">;
  readonly sourceName: string;
  readonly own: OwnMount;
}

/** Path and namespace of Keyferry's own mount. */
export interface OwnMount {
  readonly namespace: string;
  readonly mount: string;
}

export class SecretFinder {
  readonly #options: SecretFinderOptions;
  readonly #mounts = new SharedLooks<Awaited<ReturnType<SourcePort["mountOf"]>>>();

  constructor(options: SecretFinderOptions) {
    this.#options = options;
  }

  /**
   * The secret that a set names, if the caller may read it and it exists. Whether it may has been asked already.
   * @throws Refusal 403 without read on it, 400 for what can't be associated; KeyferryError `source-*`
   */
  async find(
    { namespace }: Pick<Caller, "namespace">,
    { mount, path }: NamedSecret,
    mayRead: boolean,
    signal?: AbortSignal,
  ): Promise<SecretRef> {
    const { source, sourceName, own } = this.#options;
    // Before any right counts: the own mount is refused to everybody, root too.
    if (isWithinOwnMount(own, namespace, mount)) {
      throw badRequest(`mount ${mount} is Keyferry's own and can't be associated`);
    }
    if (!mayRead) throw secretDenied(mount, path);
    // From here on everything is asked with Keyferry's own token, so that callers may share the answer.
    const found = await this.#mounts.look(`${namespace}\u0000${mount}`, (limit) =>
      source.mountOf({ namespace, path: mount }, limit),
    );
    if (found.kind === "missing" || found.mount.path !== mount) {
      throw badRequest(`mount ${mount} does not exist: send the path of a KV v2 mount`);
    }
    refuseUnlessKv2(found.mount);
    const secret = { namespace, mount, path };
    const metadata = await source.readMetadata(secret, signal);
    if (metadata.kind === "absent") {
      throw badRequest(SECRET_MISSING);
    }
    return { source: sourceName, ...secret, accessor: found.mount.accessor };
  }
}

/**
 * True for Keyferry's own mount: never associable, by no rule either. Its path as a prefix too: `keyferry/data` with a
 * secret `x` would be another spelling of `keyferry`.
 */
export function isWithinOwnMount(own: OwnMount, namespace: string, mount: string): boolean {
  const full = (space: string, path: string) => (space === "" ? path : `${space}/${path}`);
  const ownPath = full(own.namespace, own.mount);
  const asked = full(namespace, mount);
  return asked === ownPath || asked.startsWith(`${ownPath}/`);
}

function refuseUnlessKv2({ path, type, kvVersion }: MountFound): void {
  if (kvVersion === 2) return;
  const what = kvVersion === 1 ? "a KV version 1 mount" : `a mount of type ${type}`;
  throw badRequest(`mount ${path} is ${what}: only KV version 2 can be synced`);
}
