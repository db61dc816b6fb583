// Owns: the kinds of value that a configuration key can have, and the facts about a key that its documentation, the
// editors' schema and the reader need (unit, secret, file, environment fallback). Section files are made of these.
// Invariant: a check's message names what is wrong, never the value: it may be a secret in the wrong place (P5).
import { SecretValue } from "@keyferry/ports";
import { z } from "zod";

/** What a key tells about itself; `x-` facts are ours, the rest is JSON Schema's. */
export interface KeyFacts {
  /** What the key is for, and why its default is what it is. */
  readonly description: string;
  readonly unit?: string;
  /** Shown where the key is missing. */
  readonly example?: string;
  /** Environment variable that fills the key when the file does not have it. */
  readonly environment?: string;
}

/** A host and a port to listen on; port 0 lets the system choose. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const PORT_MAX = 65_535;

function metaOf(facts: KeyFacts, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    description: facts.description,
    ...(facts.unit === undefined ? {} : { "x-unit": facts.unit }),
    ...(facts.example === undefined ? {} : { "x-example": facts.example }),
    ...(facts.environment === undefined ? {} : { "x-environment": facts.environment }),
    ...more,
  };
}

/** A custom fault: what is wrong, and what to write instead. */
type Verdict = { kind: "ok" } | { kind: "wrong"; problem: string; fix: string };

/** A string that a check may refuse, in the one form that `canonical` gives it. */
export function text(
  facts: KeyFacts,
  check: (value: string) => Verdict = () => ({ kind: "ok" }),
  canonical: (value: string) => string = (value) => value,
) {
  return z
    .string()
    .check((context) => {
      const verdict = check(context.value);
      if (verdict.kind === "wrong") context.issues.push(customIssue(verdict, context.value));
    })
    .overwrite(canonical)
    .meta(metaOf(facts));
}

/** A string that is never shown: it leaves the reader as a SecretValue. */
export function secret(facts: KeyFacts, check?: (value: string) => Verdict) {
  return z
    .string()
    .transform((value, context) => {
      const verdict = check?.(value) ?? { kind: "ok" };
      if (verdict.kind === "wrong") context.issues.push(customIssue(verdict, undefined));
      return new SecretValue(value);
    })
    .meta(metaOf(facts, { "x-secret": true }));
}

/** A whole number within limits. */
export function wholeNumber(min: number, max: number, facts: KeyFacts) {
  return z.int().min(min).max(max).meta(metaOf(facts));
}

/** Yes or no. */
export function flag(facts: KeyFacts) {
  return z.boolean().meta(metaOf(facts));
}

/** One of a few words. */
export function choice<const Words extends readonly [string, ...string[]]>(words: Words, facts: KeyFacts) {
  return z.enum(words).meta(metaOf(facts));
}

/** A list of strings with at least one entry. */
export function list(entry: z.ZodType<string>, entriesMax: number, facts: KeyFacts) {
  return z.array(entry).min(1).max(entriesMax).meta(metaOf(facts));
}

/** A file's path; relative ones count from the configuration file's folder. `mustExist`: it is looked at on reading. */
export function filePath(mustExist: boolean, facts: KeyFacts) {
  return z
    .string()
    .min(1)
    .meta(metaOf(facts, { "x-file": mustExist ? "must-exist" : "may-come" }));
}

/** `host:port`, `[v6]:port`. */
export function listenAddress(facts: KeyFacts) {
  return z
    .string()
    .transform((value, context): ListenAddress => {
      const address = parseListenAddress(value);
      if (address !== undefined) return address;
      const fix = 'Write host:port with a port of 0 to 65535, as "127.0.0.1:9401" or "[::1]:9401".';
      context.issues.push(customIssue({ problem: "is not a listen address", fix }, value));
      return z.NEVER;
    })
    .meta(metaOf(facts));
}

/** A TCP address or a unix socket. */
export type SocketAddress =
  | ({ readonly kind: "tcp" } & ListenAddress)
  | { readonly kind: "unix"; readonly path: string };

const UNIX_PATH_BYTES_MAX = 107; // what the kernel takes

/** `host:port`, `[v6]:port` or `unix:/path`. */
export function socketAddress(facts: KeyFacts) {
  return z
    .string()
    .transform((value, context): SocketAddress => {
      const path = /^unix:(\/.+)$/.exec(value)?.[1];
      if (path !== undefined && Buffer.byteLength(path) <= UNIX_PATH_BYTES_MAX) return { kind: "unix", path };
      const address = parseListenAddress(value);
      if (address !== undefined) return { kind: "tcp", ...address };
      const fix = `Write host:port, or unix: and an absolute path of at most ${UNIX_PATH_BYTES_MAX} bytes.`;
      context.issues.push(customIssue({ problem: "is not a listen address", fix }, value));
      return z.NEVER;
    })
    .meta(metaOf(facts));
}

/** Reads `host:port`; undefined if it is not one. */
export function parseListenAddress(value: string): ListenAddress | undefined {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<host>[^\s:[\]/@]+)):(?<port>\d{1,5})$/.exec(value);
  const host = match?.groups?.["v6"] ?? match?.groups?.["host"];
  const port = Number(match?.groups?.["port"]);
  if (host === undefined || port > PORT_MAX) return undefined;
  return { host, port };
}

/** The inverse of `parseListenAddress`. */
export function formatListenAddress({ host, port }: ListenAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A server's address, without the slash that people leave at its end. */
export function serverAddress(schemes: readonly string[], facts: KeyFacts) {
  const check = serverUrl(schemes, { credentials: false, path: false });
  return text(facts, check, (value) => value.replace(/\/$/, ""));
}

/** A check for addresses of servers: one of these schemes, a host, and nothing that does not belong there. */
export function serverUrl(schemes: readonly string[], allowed: { credentials: boolean; path: boolean }) {
  const shape = schemes.map((scheme) => `${scheme}://host:port`).join(" or ");
  const fix = `Write it as ${shape}.`;
  return (value: string): Verdict => {
    if (!URL.canParse(value)) return { kind: "wrong", problem: "is not an address", fix };
    const url = new URL(value);
    if (!schemes.includes(url.protocol.slice(0, -1))) {
      return { kind: "wrong", problem: `does not begin with ${schemes.join(":// or ")}://`, fix };
    }
    if (url.hostname === "") return { kind: "wrong", problem: "has no host", fix };
    if (!allowed.credentials && (url.username !== "" || url.password !== "")) {
      return {
        kind: "wrong",
        problem: "holds a user or a password",
        fix: `${fix} Credentials have keys of their own.`,
      };
    }
    if (
      !allowed.path &&
      ((url.pathname !== "" && url.pathname !== "/") || url.search !== "" || url.hash !== "")
    ) {
      return { kind: "wrong", problem: "has a path or a query", fix };
    }
    return { kind: "ok" };
  };
}

function customIssue({ problem, fix }: { problem: string; fix: string }, input: unknown) {
  return { code: "custom" as const, message: problem, params: { fix }, input };
}
