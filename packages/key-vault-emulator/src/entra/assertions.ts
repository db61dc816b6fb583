// Owns: whether a JWT proves who asks for a token: an assertion that an application signed with its certificate's key, or a
// token of an issuer that the application trusts. Pure.
import { constants, createHash, createPublicKey, verify } from "node:crypto";
import type { KeyObject, X509Certificate } from "node:crypto";
import type { Principal } from "./principals.ts";

export type AssertionVerdict =
  | { readonly kind: "taken" }
  | { readonly kind: "refused"; readonly code: string; readonly text: string };

const TAKEN: AssertionVerdict = { kind: "taken" };

interface Jwt {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

/** Judges an assertion in the order in which Entra does: which kind, the key, the time, the rest. */
export function judgeAssertion(
  principal: Principal,
  assertion: string,
  tenant: string,
  nowS: number,
): AssertionVerdict {
  const jwt = readJwt(assertion);
  if (jwt === undefined) return refused("AADSTS50027", "JWT token is invalid or malformed.");
  const isOwn = jwt.claims["iss"] === principal.clientId;
  return isOwn ? judgeOwn(principal, jwt, tenant, nowS) : judgeFederated(principal, jwt, nowS);
}

/** Signed by the application itself, with its certificate's key. */
function judgeOwn(principal: Principal, jwt: Jwt, tenant: string, nowS: number): AssertionVerdict {
  const certificate = principal.certificates.find((one) => isNamedBy(jwt.header, one));
  if (certificate === undefined) {
    return refused(
      "AADSTS700027",
      "The certificate with this identifier is not registered with the application.",
    );
  }
  if (!isSigned(jwt, certificate.publicKey)) {
    return refused("AADSTS700027", "Client assertion contains an invalid signature.");
  }
  if (!isInTime(jwt, nowS) || Date.parse(certificate.validTo) <= nowS * 1000) {
    return refused("AADSTS700024", "Client assertion is not within its valid time range.");
  }
  const audience = String(jwt.claims["aud"]);
  const isForUs = audience.endsWith(`/${tenant}/oauth2/v2.0/token`) || audience.endsWith(`/${tenant}/v2.0`);
  if (!isForUs || jwt.claims["sub"] !== principal.clientId) {
    return refused("AADSTS700023", "Client assertion audience claim does not match the realm issuer.");
  }
  return TAKEN;
}

/** A token of an issuer that a federated credential names. Without a key its signature is not checked. */
function judgeFederated(principal: Principal, jwt: Jwt, nowS: number): AssertionVerdict {
  const expected = principal.federated;
  const { iss, sub, aud } = jwt.claims;
  if (expected === undefined || iss !== expected.issuer) {
    return refused(
      "AADSTS700211",
      "No matching federated identity record was found for the assertion's issuer.",
    );
  }
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audiences.includes(expected.audience)) {
    return refused(
      "AADSTS700212",
      "No matching federated identity record was found for the assertion's audience.",
    );
  }
  if (sub !== expected.subject) {
    return refused(
      "AADSTS700213",
      "No matching federated identity record was found for the assertion's subject.",
    );
  }
  if (expected.publicKey !== undefined && !isSigned(jwt, createPublicKey(expected.publicKey))) {
    return refused("AADSTS50013", "Assertion failed signature validation.");
  }
  return isInTime(jwt, nowS)
    ? TAKEN
    : refused("AADSTS700024", "Client assertion is not within its valid time range.");
}

function isNamedBy(header: Jwt["header"], certificate: X509Certificate): boolean {
  const print = (algorithm: string): string =>
    createHash(algorithm).update(certificate.raw).digest("base64url");
  return header["x5t#S256"] === print("sha256") || header["x5t"] === print("sha1");
}

function isSigned({ header, signed, signature }: Jwt, publicKey: KeyObject): boolean {
  switch (header["alg"]) {
    case "RS256":
      return publicKey.asymmetricKeyType === "rsa" && verify("sha256", signed, publicKey, signature);
    case "PS256":
      return (
        publicKey.asymmetricKeyType === "rsa" &&
        verify(
          "sha256",
          signed,
          {
            key: publicKey,
            padding: constants.RSA_PKCS1_PSS_PADDING,
            saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
          },
          signature,
        )
      );
    default:
      // `none` among them.
      return false;
  }
}

function isInTime({ claims: { exp, nbf } }: Jwt, nowS: number): boolean {
  const clockSkewS = 300;
  if (nbf !== undefined && !(typeof nbf === "number" && nbf <= nowS + clockSkewS)) return false;
  return typeof exp === "number" && exp > nowS;
}

function readJwt(text: string): Jwt | undefined {
  const [header = "", claims = "", signature = "", ...rest] = text.split(".");
  const [read, readClaims] = [readPart(header), readPart(claims)];
  if (rest.length > 0 || read === undefined || readClaims === undefined) return undefined;
  return {
    header: read,
    claims: readClaims,
    signed: Buffer.from(`${header}.${claims}`),
    signature: Buffer.from(signature, "base64url"),
  };
}

function readPart(text: string): Record<string, unknown> | undefined {
  try {
    const part: unknown = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
    return typeof part === "object" && part !== null ? (part as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function refused(code: string, text: string): AssertionVerdict {
  return { kind: "refused", code, text };
}
