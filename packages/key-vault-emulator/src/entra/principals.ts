// Owns: who can ask for a token, and with what proof.
import { createHash, timingSafeEqual } from "node:crypto";

export interface PrincipalOptions {
  readonly clientId: string;
  /** Without one, no client secret is taken. */
  readonly clientSecret?: string;
  /** Which assertions (federated credentials) are taken; their signature is not checked. Without it: none. */
  readonly federated?: FederatedCredential;
  /** The principal that the managed-identity endpoints speak for; the first one where none says so. */
  readonly managedIdentity?: boolean;
  /** `oid` in its tokens; made from the client id where missing. */
  readonly objectId?: string;
  /** The tenant its tokens come from; the vaults' own where missing. */
  readonly tenantId?: string;
}

export interface FederatedCredential {
  readonly issuer: string;
  readonly subject: string;
  /** Entra's usual audience where missing. */
  readonly audience?: string;
}

export interface Principal {
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  readonly federated: Required<FederatedCredential> | undefined;
  readonly managedIdentity: boolean;
  readonly objectId: string;
  readonly tenantId: string;
}

/** The audience of assertions for Entra. */
const EXCHANGE_AUDIENCE = "api://AzureADTokenExchange";

export function resolvePrincipal(options: PrincipalOptions, vaultsTenantId: string): Principal {
  const { federated } = options;
  return {
    clientId: options.clientId,
    clientSecret: options.clientSecret,
    federated: federated === undefined ? undefined : { audience: EXCHANGE_AUDIENCE, ...federated },
    managedIdentity: options.managedIdentity ?? false,
    objectId: options.objectId ?? uuidFrom(options.clientId),
    tenantId: options.tenantId ?? vaultsTenantId,
  };
}

/** True where the given client secret is the principal's. */
export function secretMatches(principal: Principal, given: string): boolean {
  if (principal.clientSecret === undefined) return false;
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(principal.clientSecret), digest(given));
}

/** True where an assertion's claims are those of the principal's federated credential, and it has not expired. */
export function assertionMatches(principal: Principal, assertion: string, nowS: number): boolean {
  const claims = readJwtClaims(assertion);
  const expected = principal.federated;
  if (claims === undefined || expected === undefined) return false;
  const audiences = Array.isArray(claims["aud"]) ? claims["aud"] : [claims["aud"]];
  return (
    claims["iss"] === expected.issuer &&
    claims["sub"] === expected.subject &&
    audiences.includes(expected.audience) &&
    typeof claims["exp"] === "number" &&
    claims["exp"] > nowS
  );
}

/** The claims of a JWT, unchecked; undefined where it is none. */
export function readJwtClaims(jwt: string): Record<string, unknown> | undefined {
  const payload = jwt.split(".")[1];
  if (payload === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
    return typeof claims === "object" && claims !== null ? (claims as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function uuidFrom(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
