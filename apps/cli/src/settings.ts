// Owns: where the API is and who calls, read as the vault CLI reads it: flags, then VAULT_* (or BAO_*), then
// ~/.vault-token. Does not own: token helpers, which are programs of the vault CLI alone.

import { EXIT } from "./exit-codes.ts";
import { Failure, usageFailure } from "./failure.ts";
import type { Io } from "./io.ts";

export interface Settings {
  readonly address: URL;
  readonly token: string;
  /** Undefined: no header is sent. */
  readonly namespace: string | undefined;
  /** PEM. */
  readonly ca: string | undefined;
  readonly verify: boolean;
}

export interface ConnectionFlags {
  readonly address?: string;
  readonly namespace?: string;
  readonly caCert?: string;
}

// What the vault CLI assumes, too.
const DEFAULT_ADDRESS = "https://127.0.0.1:8200";

/** @throws Failure for an address that is none, a missing token, a certificate file that can't be read */
export async function readSettings(io: Io, flags: ConnectionFlags): Promise<Settings> {
  const namespace = flags.namespace ?? read(io, "NAMESPACE");
  return {
    address: addressOf(flags.address ?? read(io, "ADDR") ?? DEFAULT_ADDRESS),
    token: await tokenOf(io),
    namespace: namespace === undefined || namespace === "" ? undefined : namespace,
    ca: await certificateOf(io, flags.caCert ?? read(io, "CACERT")),
    verify: !["1", "t", "true"].includes((read(io, "SKIP_VERIFY") ?? "").toLowerCase()),
  };
}

function read({ env }: Io, name: string): string | undefined {
  for (const prefix of ["VAULT", "BAO"]) {
    const value = env[`${prefix}_${name}`];
    if (value !== undefined && value !== "") return value;
  }
  return undefined;
}

function addressOf(text: string): URL {
  const fix =
    "Set VAULT_ADDR (or --address) to where /v1/sys/sync is answered, as https://vault.example.com:8200.";
  if (!URL.canParse(text)) throw usageFailure(`'${text}' is not an address`, fix);
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw usageFailure(`'${text}' is not an http or https address`, fix);
  }
  return url;
}

async function tokenOf(io: Io): Promise<string> {
  const token = read(io, "TOKEN") ?? (await io.readFile(io.tokenFile))?.trim();
  if (token === undefined || token === "") {
    throw new Failure(
      EXIT.denied,
      "There is no token",
      "Set VAULT_TOKEN, or log in with `vault login` (`bao login`), which writes ~/.vault-token.",
    );
  }
  // A header with a line break in it can't be sent, and Node's own error would quote the token.
  if (/[^\x21-\x7e]/.test(token)) {
    throw new Failure(
      EXIT.denied,
      "The token has a blank or a character that no token has",
      "Check VAULT_TOKEN.",
    );
  }
  return token;
}

async function certificateOf(io: Io, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const pem = await io.readFile(path);
  const fix = "Set VAULT_CACERT (or --ca-cert) to a PEM file with the CA's certificate.";
  if (pem === undefined) throw usageFailure(`There is no file ${path}`, fix);
  // Node would take it without a word, and then trust nobody.
  if (!pem.includes("-----BEGIN CERTIFICATE-----"))
    throw usageFailure(`${path} has no certificate in it`, fix);
  return pem;
}
