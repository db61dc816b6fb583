// Owns: who calls: the token and the namespace of a request. The token stays a SecretValue: it is handed to the source
// and nowhere else (P5).

import type { IncomingHttpHeaders } from "node:http";
import { checkPath } from "@keyferry/contracts";
import { SecretValue } from "@keyferry/ports";
import { badRequest, permissionDenied } from "../gateway/refusal.ts";

export interface Caller {
  readonly token: SecretValue;
  /** Without slashes at its ends; empty for the root namespace. */
  readonly namespace: string;
}

// Vault's tokens have about 100 characters, batch tokens some hundreds.
const TOKEN_CHARACTERS_MAX = 4_096;

/**
 * The caller of a request: `X-Vault-Token`, or a bearer token, as Vault takes them.
 * @throws Refusal 403 without a token, 400 for a namespace with two spellings
 */
export function callerOf(headers: IncomingHttpHeaders, defaultNamespace: string): Caller {
  const token = single(headers["x-vault-token"]) ?? bearer(single(headers.authorization));
  if (token === undefined || token === "" || token.length > TOKEN_CHARACTERS_MAX) throw permissionDenied();
  return {
    token: new SecretValue(token),
    namespace: namespaceOf(single(headers["x-vault-namespace"]), defaultNamespace),
  };
}

function namespaceOf(header: string | undefined, defaultNamespace: string): string {
  if (header === undefined) return defaultNamespace;
  const trimmed = header.replace(/^\//, "").replace(/\/$/, "");
  // Vault takes "root" for the root namespace.
  if (trimmed === "" || trimmed === "root") return "";
  const check = checkPath(trimmed, "mount");
  if (check.kind === "refused") {
    throw badRequest(`X-Vault-Namespace: ${check.why.replace("mount", "the namespace")}`);
  }
  return check.path;
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

function bearer(header: string | undefined): string | undefined {
  return /^Bearer (\S+)$/i.exec(header ?? "")?.[1];
}
