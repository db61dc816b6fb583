// Owns: how a service gets its token for the source: the configured one, read again when it is refused, or one that a
// login gives and keeps alive. Files and references are read at each login, as they rotate. Does not own: configuration.
import { readFile } from "node:fs/promises";
import { KeyferryError } from "@keyferry/errors";
import { type Clock, type Logger, type Random, SecretValue } from "@keyferry/ports";
import type { TokenSource } from "../transport/transport.ts";
import { createLogin, type LoginMethod } from "./login.ts";

/** A configured login; which keys a method needs, the configuration's own check has asked for. */
export interface SourceAuth {
  readonly method: "approle" | "jwt" | "kubernetes";
  /** The auth method's path, without `auth/`; the method's name if absent. */
  readonly mount?: string;
  readonly role?: string;
  readonly jwtFile?: string;
  readonly roleId?: string;
}

export interface SourceSecrets {
  readonly token?: SecretValue;
  readonly secretId?: SecretValue;
}

export interface SourceTokenOptions {
  readonly source: { readonly address: string; readonly namespace: string; readonly caFile?: string };
  /** Absent: there is a token. */
  readonly auth?: SourceAuth;
  readonly secrets: SourceSecrets;
  readonly rereadSecrets: () => Promise<SourceSecrets>;
  /** The configuration's section, for messages. */
  readonly section: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface SourceToken {
  readonly token: TokenSource;
  /** Ends the renewal and revokes a token that came of a login. Never rejects. */
  readonly close: () => Promise<void>;
}

const REREAD_MS = 5_000; // a denied path answers 403 like an old token; the file is not read for each of them
// Where Kubernetes puts the token of a pod's service account.
const SERVICE_ACCOUNT_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/** A service's token for the source. Nothing is sent before the token is asked for. */
export function createSourceToken(options: SourceTokenOptions): SourceToken {
  const { auth, source, clock, random, logger } = options;
  if (auth === undefined) return { token: configured(options), close: () => Promise.resolve() };
  const { address, namespace, caFile } = source;
  const login = createLogin({
    address,
    namespace,
    clock,
    random,
    logger,
    method: loginMethodOf(auth, options),
    ...(caFile === undefined ? {} : { caFile }),
  });
  return { token: login.token, close: () => login.close() };
}

function configured({ secrets, rereadSecrets, section, clock }: SourceTokenOptions): TokenSource {
  const key = `${section}.token`;
  let token = needed(secrets.token, key);
  let rereadAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;
  const reread = async (): Promise<void> => {
    token = needed((await rereadSecrets()).token, key);
  };
  return async (refused) => {
    if (refused === undefined || refused.reveal() !== token.reveal()) return token;
    if (reading === undefined && clock.now() - rereadAt > REREAD_MS) {
      rereadAt = clock.now();
      reading = reread().finally(() => {
        reading = undefined;
      });
    }
    // An old token is refused to many calls at once: all of them wait for the one look at the file.
    await reading;
    return token;
  };
}

function loginMethodOf(auth: SourceAuth, { rereadSecrets, section }: SourceTokenOptions): LoginMethod {
  const { method, mount = method } = auth;
  const key = (name: string): string => `${section}.auth.${name}`;
  switch (method) {
    case "approle":
      return {
        kind: "approle",
        mount,
        roleId: needed(auth.roleId, key("roleId")),
        secretId: async () => needed((await rereadSecrets()).secretId, key("secretId")),
      };
    case "kubernetes":
      return {
        kind: "jwt",
        mount,
        role: needed(auth.role, key("role")),
        jwt: () => readJwt(auth.jwtFile ?? SERVICE_ACCOUNT_TOKEN),
      };
    case "jwt": {
      const file = needed(auth.jwtFile, key("jwtFile"));
      return { kind: "jwt", mount, role: needed(auth.role, key("role")), jwt: () => readJwt(file) };
    }
    default:
      return method satisfies never;
  }
}

function needed<T>(value: T | undefined, key: string): T {
  if (value !== undefined) return value;
  throw new KeyferryError("config-invalid", `${key} is missing`);
}

async function readJwt(file: string): Promise<SecretValue> {
  try {
    return new SecretValue((await readFile(file, "utf8")).trim());
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "unknown";
    throw new KeyferryError("source-denied", "The file with the login's JWT can't be read", { code });
  }
}
