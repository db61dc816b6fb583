// Owns: the text of the policies that Keyferry's services need at the source, least privilege, for OpenBao and for Vault
// (which refuse each other's words). Pure. Does not own: what the built-in `default` policy gives each token besides
// (looking up, renewing and revoking itself).
import { KeyferryError } from "@keyferry/errors";

export type PolicyFlavour = "openbao" | "vault";

export interface PolicyOptions {
  readonly flavour: PolicyFlavour;
  /** Paths of KVv2 mounts, as in the namespace where the policy is written; slashes at their ends don't count. */
  readonly mounts: readonly string[];
}

export interface DetectorPolicyOptions extends PolicyOptions {
  /** Also what the event stream of Vault Enterprise needs. OpenBao refuses a policy with the capability `subscribe`. */
  readonly events?: boolean;
}

export interface SinkPolicyOptions extends PolicyOptions {
  /** Prefixes of the secrets' paths that may be synced, for example `app/`; all of each mount if absent. */
  readonly prefixes?: readonly string[];
  /** Keyferry's own mount; `keyferry` if absent. */
  readonly ownMount?: string;
}

export interface ApiPolicyOptions extends PolicyOptions {
  /** Keyferry's own mount; `keyferry` if absent. */
  readonly ownMount?: string;
}

const OWN_MOUNT = "keyferry";
const READ = ["read"];
const LIST = ["list"];

interface Rule {
  readonly path: string;
  readonly capabilities: readonly string[];
  /** Of the capability `subscribe`. */
  readonly eventTypes?: readonly string[];
}

interface Block {
  readonly comment: string;
  readonly rules: readonly Rule[];
}

/** The change-detector's policy: metadata only, no value can be read. Throws `request-invalid` for what is no mount's path. */
export function detectorPolicy({ flavour, mounts, events = false }: DetectorPolicyOptions): string {
  if (events && flavour === "openbao") {
    throw new KeyferryError("request-invalid", "OpenBao has no event stream, and refuses its capability");
  }
  // The most specific rule alone counts, so each rule that a secret's events fall under repeats it (reference 1.5).
  const metadata = events
    ? { capabilities: ["read", "list", "subscribe"], eventTypes: ["kv-v2/*"] }
    : { capabilities: ["read", "list"] };
  const rules = checked(mounts).flatMap((mount): Rule[] => [
    { path: `${mount}/metadata/*`, ...metadata },
    { path: `${mount}/metadata/`, capabilities: LIST },
    ...(flavour === "openbao" ? detailedRules(mount) : []),
    ...(events ? [{ path: `${mount}/*`, capabilities: ["subscribe"], eventTypes: ["kv-v2/*"] }] : []),
  ]);
  return textOf([
    { comment: "What the change-detector needs: metadata only. It cannot read a single value.", rules },
    {
      comment: "Tells whether a mount is still the one that it was.",
      rules: [{ path: "sys/mounts", capabilities: READ }],
    },
    ...(events
      ? [
          {
            comment: "The event stream of Vault Enterprise.",
            rules: [{ path: "sys/events/subscribe/kv-v2/*", capabilities: READ }],
          },
        ]
      : []),
  ]);
}

/** A page of a sweep in one call; Vault has no such path. */
function detailedRules(mount: string): Rule[] {
  return [
    { path: `${mount}/detailed-metadata/*`, capabilities: LIST },
    { path: `${mount}/detailed-metadata/`, capabilities: LIST },
  ];
}

/** The azure-sink's policy: the values of what may be synced. Throws `request-invalid` for what is no path. */
export function sinkPolicy({ mounts, prefixes = [""], ownMount = OWN_MOUNT }: SinkPolicyOptions): string {
  const below = prefixes.map(checkedPrefix);
  const rules = checked(mounts).flatMap((mount) =>
    below.flatMap((prefix): Rule[] => [
      { path: `${mount}/data/${prefix}*`, capabilities: READ },
      { path: `${mount}/metadata/${prefix}*`, capabilities: READ },
    ]),
  );
  return textOf([
    { comment: "What the azure-sink needs: the values of what it syncs.", rules },
    {
      comment: "Keyferry's own mount: credentials of destinations, and the keys of owner tags.",
      rules: [{ path: `${checkedMount(ownMount)}/data/*`, capabilities: READ }],
    },
  ]);
}

/** The association-service's policy. What its callers may do is decided by their own tokens. Throws `request-invalid`. */
export function apiPolicy({ mounts, ownMount = OWN_MOUNT }: ApiPolicyOptions): string {
  const own = checkedMount(ownMount);
  return textOf([
    {
      comment: "Tells whether a secret that is to be associated exists. No value can be read.",
      rules: checked(mounts).map((mount) => ({ path: `${mount}/metadata/*`, capabilities: READ })),
    },
    { comment: "Which mounts there are.", rules: [{ path: "sys/mounts", capabilities: READ }] },
    {
      comment: "Makes Keyferry's own mount at the first start; may be dropped where somebody else makes it.",
      rules: [{ path: `sys/mounts/${own}`, capabilities: ["create", "update", "read"] }],
    },
    {
      comment: "Keyferry's own mount: credentials of destinations, and the keys of owner tags.",
      rules: [{ path: `${own}/*`, capabilities: ["create", "read", "update", "delete", "list"] }],
    },
  ]);
}

function textOf(blocks: readonly Block[]): string {
  return blocks.map(({ comment, rules }) => `# ${comment}\n${rules.map(ruleText).join("")}`).join("\n");
}

function ruleText({ path, capabilities, eventTypes }: Rule): string {
  const list = (words: readonly string[]): string =>
    `[${words.map((word) => JSON.stringify(word)).join(", ")}]`;
  const types = eventTypes === undefined ? "" : `  subscribe_event_types = ${list(eventTypes)}\n`;
  return `path ${JSON.stringify(path)} {\n  capabilities = ${list(capabilities)}\n${types}}\n`;
}

function checked(mounts: readonly string[]): readonly string[] {
  if (mounts.length === 0) throw new KeyferryError("request-invalid", "A policy names at least one mount");
  return [...new Set(mounts.map(checkedMount))];
}

function checkedMount(mount: string): string {
  const path = mount.replace(/^\/+|\/+$/g, "");
  if (path === "" || !isPlain(path)) throw notPlain("mount", mount);
  return path;
}

function checkedPrefix(prefix: string): string {
  const path = prefix.replace(/^\/+/, "");
  if (path !== "" && !isPlain(path.replace(/\/$/, ""))) throw notPlain("prefix", prefix);
  return path;
}

/** A path that a policy takes as it stands: no wildcard of its own, no template, nothing that ends the quotes. */
function isPlain(path: string): boolean {
  if (/[\p{Cc}"\\*%]|\{\{|\$\{/u.test(path)) return false;
  return path.split("/").every((segment) => !["", ".", "..", "+"].includes(segment));
}

function notPlain(what: string, path: string): KeyferryError {
  return new KeyferryError("request-invalid", `'${path}' is not a ${what}'s path that a policy can name`);
}
