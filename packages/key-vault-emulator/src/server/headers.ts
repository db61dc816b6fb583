// Owns: the headers of answers, as recorded from the service.
import type { ResolvedOptions } from "../options.ts";

/** Headers of every answer of the data plane, as name, value, name, value. */
export function responseHeaders(
  options: ResolvedOptions,
  requestId: string,
  clientRequestId: string | undefined,
): readonly string[] {
  const echoed = clientRequestId === undefined ? [] : ["x-ms-client-request-id", clientRequestId];
  return [
    "cache-control",
    "no-cache",
    "pragma",
    "no-cache",
    "content-type",
    "application/json; charset=utf-8",
    "expires",
    "-1",
    "x-ms-keyvault-region",
    options.region,
    ...echoed,
    "x-ms-request-id",
    requestId,
    "x-ms-keyvault-service-version",
    "1.9.0.0",
    "x-ms-keyvault-network-info",
    "conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;",
    "x-content-type-options",
    "nosniff",
    "strict-transport-security",
    "max-age=31536000;includeSubDomains",
  ];
}

/** Tells a client where to get a token, and for what. Clients take the tenant from the path. */
export function tokenChallenge(options: ResolvedOptions): readonly string[] {
  const authorization = `${options.challengeAuthority}/${options.tenantId}`;
  const resource = `https://${options.vaultSuffix}`;
  return ["www-authenticate", `Bearer authorization="${authorization}", resource="${resource}"`];
}

/** Asks for a token with other claims (continuous access evaluation). It names no resource: that would be the other challenge. */
export function claimsChallenge(options: ResolvedOptions): readonly string[] {
  const claims = Buffer.from(JSON.stringify({ access_token: { nbf: { essential: true } } })).toString(
    "base64",
  );
  const authorization = `${options.challengeAuthority}/${options.tenantId}`;
  return [
    "www-authenticate",
    `Bearer realm="", authorization_uri="${authorization}", error="insufficient_claims", claims="${claims}"`,
  ];
}

/** A `Retry-After` in seconds, or no header. */
export function retryAfter(seconds: number | undefined): readonly string[] {
  return seconds === undefined ? [] : ["retry-after", String(seconds)];
}
