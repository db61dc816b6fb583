// Owns: how a destination logs in at Azure after a write. Pure: no clock, so that a certificate has expired is found by the
// connection check.
// Invariant: an absent secret never takes the stored one away (hazard client-secret-two-stores): Terraform leaves it out of
// every PUT where it comes from the environment.

import { createPrivateKey, X509Certificate } from "node:crypto";
import { type Credential, credentialSchema } from "@keyferry/contracts";
import { SecretValue } from "@keyferry/ports";
import type { DestinationFields } from "./destination-fields.ts";
import { given, isMask } from "./given.ts";

type Kind = Credential["kind"];

/** What happens to the credential. */
export type CredentialChange =
  | { readonly kind: "store"; readonly as: "client-secret" | "certificate"; readonly secret: SecretValue }
  | { readonly kind: "keep" }
  | { readonly kind: "become"; readonly credential: Exclude<Credential, { path: string }> };

const KINDS: readonly Kind[] = credentialSchema.options.map((option) => option.shape.kind.value);
const STORED_FIELD = { "client-secret": "client_secret", certificate: "client_certificate" } as const;
const AUDIENCE_CHARACTERS_MAX = 600; // reference: Vault advises fewer
const TTL_S_MAX = 86_400;

/** What a write does to the credential. `before`: the stored one; `mode` as of the write. */
export function composeCredential(
  fields: DestinationFields,
  before: Credential | undefined,
  mode: "replace" | "merge",
  errors: string[],
): CredentialChange {
  const sent = { secret: fresh(fields.client_secret), certificate: fresh(fields.client_certificate) };
  const audience = given(fields.identity_token_audience);
  checkSingles(fields, sent, audience, errors);
  const kind = wantedKind(fields, sent, audience, errors);
  if (kind === undefined) return keepOrNothing(fields, before, mode);
  switch (kind) {
    case "client-secret":
    case "certificate": {
      const secret = kind === "client-secret" ? sent.secret : sent.certificate;
      if (secret === undefined) {
        if (before?.kind !== kind)
          errors.push(`${STORED_FIELD[kind]} is missing: credential ${kind} needs it`);
        return { kind: "keep" };
      }
      if (kind === "certificate") errors.push(...certificateFaults(secret));
      return { kind: "store", as: kind, secret: new SecretValue(secret) };
    }
    case "workload-identity":
      return { kind: "become", credential: workloadIdentity(fields, audience, before, errors) };
    case "managed-identity":
    case "environment":
      return { kind: "become", credential: { kind } };
    default:
      return kind satisfies never;
  }
}

interface Sent {
  readonly secret: string | undefined;
  readonly certificate: string | undefined;
}

function checkSingles(
  fields: DestinationFields,
  sent: Sent,
  audience: string | undefined,
  errors: string[],
): void {
  const several = [
    sent.secret === undefined ? [] : ["client_secret"],
    sent.certificate === undefined ? [] : ["client_certificate"],
    audience === undefined ? [] : ["identity_token_audience"],
  ].flat();
  if (several.length > 1) errors.push(`${several.join(" and ")} exclude each other: send one of them`);
  if (given(fields.identity_token_key) !== undefined) {
    errors.push(
      "identity_token_key is not supported: tokens for workload identity come from the sink's platform, not from Vault. Leave it out",
    );
  }
  if (audience !== undefined && !isMask(audience) && audience.length > AUDIENCE_CHARACTERS_MAX) {
    errors.push(`identity_token_audience has more than ${AUDIENCE_CHARACTERS_MAX} characters`);
  }
}

/** The kind that the write asks for; undefined: it asks for none. */
function wantedKind(
  fields: DestinationFields,
  sent: Sent,
  audience: string | undefined,
  errors: string[],
): Kind | undefined {
  const named = given(fields.credential);
  const known = KINDS.find((kind) => kind === named);
  if (named !== undefined && known === undefined) {
    errors.push(`credential is none of ${KINDS.join(", ")}: send one of them`);
  }
  // reference: Vault's own order.
  const implied: Kind | undefined =
    sent.secret !== undefined
      ? "client-secret"
      : sent.certificate !== undefined
        ? "certificate"
        : audience === undefined
          ? undefined
          : "workload-identity";
  if (known !== undefined && implied !== undefined && known !== implied) {
    errors.push(`credential ${known} does not go with what was sent for ${implied}: send one of the two`);
  }
  return known ?? implied;
}

function keepOrNothing(
  fields: DestinationFields,
  before: Credential | undefined,
  mode: "replace" | "merge",
): CredentialChange {
  const nothing: CredentialChange = { kind: "become", credential: { kind: "environment" } };
  if (before === undefined) return nothing;
  const nulled = mode === "merge" && isNulled(fields, before.kind);
  return nulled ? nothing : { kind: "keep" };
}

/** True if a PATCH takes away what the stored credential stands on (RFC 7396). */
function isNulled(fields: DestinationFields, kind: Kind): boolean {
  if (fields.credential === null) return true;
  switch (kind) {
    case "client-secret":
      return fields.client_secret === null;
    case "certificate":
      return fields.client_certificate === null;
    case "workload-identity":
      return fields.identity_token_audience === null;
    case "managed-identity":
    case "environment":
      return false;
    default:
      return kind satisfies never;
  }
}

function workloadIdentity(
  fields: DestinationFields,
  audience: string | undefined,
  before: Credential | undefined,
  errors: string[],
): Extract<Credential, { kind: "workload-identity" }> {
  const old = before?.kind === "workload-identity" ? before : undefined;
  const wantedAudience = audience === undefined || isMask(audience) ? old?.audience : audience;
  const ttl = fields.identity_token_ttl;
  const wantedTtlS = ttl === undefined ? old?.wantedTtlS : ttl === null || ttl === 0 ? undefined : ttl;
  if (wantedTtlS !== undefined && wantedTtlS > TTL_S_MAX)
    errors.push(`identity_token_ttl is more than ${TTL_S_MAX} s`);
  return {
    kind: "workload-identity",
    ...(wantedAudience === undefined ? {} : { audience: wantedAudience }),
    ...(wantedTtlS === undefined ? {} : { wantedTtlS }),
  };
}

function fresh(value: string | null | undefined): string | undefined {
  const text = given(value);
  return text === undefined || isMask(text) ? undefined : text;
}

const PEM_CHARACTERS_MAX = 64 * 1024;
const RSA_BITS_MIN = 2_048;

/** What is wrong with a certificate and key; never any of their text. */
function certificateFaults(pem: string): readonly string[] {
  if (pem.length > PEM_CHARACTERS_MAX)
    return [`client_certificate is longer than ${PEM_CHARACTERS_MAX} characters`];
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) {
    return ["client_certificate has no certificate: send PEM text with the certificate and its private key"];
  }
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    return [
      "client_certificate has an encrypted private key: send it without a passphrase, it is kept in Vault",
    ];
  }
  if (!/-----BEGIN (?:RSA )?PRIVATE KEY-----/.test(pem)) {
    return ["client_certificate has no private key: append it to the certificate, as PEM (PKCS#8 or PKCS#1)"];
  }
  return matchFaults(pem);
}

function matchFaults(pem: string): readonly string[] {
  try {
    const key = createPrivateKey(pem);
    // reference: Entra takes RS256 and PS256 alone.
    if (key.asymmetricKeyType !== "rsa")
      return ["client_certificate has a key that is not RSA: Entra takes RSA alone"];
    if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < RSA_BITS_MIN) {
      return [`client_certificate has a key of fewer than ${RSA_BITS_MIN} bits`];
    }
    const isPair = new X509Certificate(pem).checkPrivateKey(key);
    return isPair ? [] : ["client_certificate has a private key that is not the first certificate's"];
  } catch {
    // The library's message may quote what it could not read.
    return ["client_certificate can't be read: send PEM text with the certificate and its private key"];
  }
}
