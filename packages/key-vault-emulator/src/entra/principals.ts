// Owns: who can ask for a token, and with what proof.
import { createHash, createPublicKey, timingSafeEqual, X509Certificate } from "node:crypto";

export interface PrincipalOptions {
  readonly clientId: string;
  /** Without one, no client secret is taken. */
  readonly clientSecret?: string;
  /** Certificates (PEM) whose keys the application signs assertions with. Default: none. */
  readonly certificates?: readonly string[];
  /** Which tokens of another issuer are taken. Without it: none. */
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
  /** PEM, of the issuer. Without it the signature is not checked. */
  readonly publicKey?: string;
}

export interface Principal {
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  readonly certificates: readonly X509Certificate[];
  readonly federated: (FederatedCredential & { readonly audience: string }) | undefined;
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
    certificates: (options.certificates ?? []).map((pem) =>
      readPem("certificates", () => new X509Certificate(pem)),
    ),
    federated: federated === undefined ? undefined : resolveFederated(federated),
    managedIdentity: options.managedIdentity ?? false,
    objectId: options.objectId ?? uuidFrom(options.clientId),
    tenantId: options.tenantId ?? vaultsTenantId,
  };
}

function resolveFederated(federated: FederatedCredential): NonNullable<Principal["federated"]> {
  const { publicKey } = federated;
  if (publicKey !== undefined) readPem("federated.publicKey", () => createPublicKey(publicKey));
  return { audience: EXCHANGE_AUDIENCE, ...federated };
}

function readPem<T>(option: string, read: () => T): T {
  try {
    return read();
  } catch {
    throw new RangeError(`key vault emulator options: principals.${option} is not PEM text that can be read`);
  }
}

/** True where the given client secret is the principal's. */
export function secretMatches(principal: Principal, given: string): boolean {
  if (principal.clientSecret === undefined) return false;
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(principal.clientSecret), digest(given));
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
