// Owns: what stands in for Entra ID: OpenID configuration, instance discovery, the token endpoint, and the
// managed-identity endpoints. Pure but for the making of tokens: text in, JSON out.
import { randomUUID } from "node:crypto";
import { judgeAssertion } from "./assertions.ts";
import { secretMatches } from "./principals.ts";
import type { Principal } from "./principals.ts";
import type { Tokens } from "./tokens.ts";

export interface AuthorityReply {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

export interface AuthorityRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
  /** The origin the client called. */
  readonly origin: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface AuthorityOptions {
  readonly tenantId: string;
  readonly principals: readonly Principal[];
  readonly tokens: Tokens;
  readonly tokenLifetimeSeconds: number;
}

const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** Answers a request to the authority; undefined where the path is none of it. */
export function serveAuthority(
  options: AuthorityOptions,
  request: AuthorityRequest,
): AuthorityReply | undefined {
  // MSAL writes the managed-identity path with a slash at its end.
  const path = request.path.replace(/\/$/, "");
  if (path === "/metadata/identity/oauth2/token" || path === "/msi/token")
    return managedIdentityToken(options, request);
  const [, tenant = "", ...rest] = path.split("/");
  switch (rest.join("/").toLowerCase()) {
    case "v2.0/.well-known/openid-configuration":
    case ".well-known/openid-configuration":
      return openIdConfiguration(options, tenant, request.origin);
    case "discovery/instance":
      return instanceDiscovery(options, request.origin);
    case "discovery/v2.0/keys":
      return { status: 200, json: { keys: [] } };
    case "oauth2/v2.0/token":
    case "oauth2/token":
      return request.method === "POST"
        ? clientToken(options, tenant, new URLSearchParams(request.body))
        : { status: 405, json: { error: "invalid_request", error_description: "POST is required." } };
    default:
      return undefined;
  }
}

function knownTenant(options: AuthorityOptions, tenant: string): boolean {
  return tenant === options.tenantId || options.principals.some((principal) => principal.tenantId === tenant);
}

function openIdConfiguration(options: AuthorityOptions, tenant: string, origin: string): AuthorityReply {
  if (!knownTenant(options, tenant)) return noSuchTenant(tenant);
  return {
    status: 200,
    json: {
      token_endpoint: `${origin}/${tenant}/oauth2/v2.0/token`,
      token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt"],
      jwks_uri: `${origin}/${tenant}/discovery/v2.0/keys`,
      response_modes_supported: ["form_post"],
      subject_types_supported: ["pairwise"],
      id_token_signing_alg_values_supported: ["RS256"],
      response_types_supported: ["code"],
      scopes_supported: ["openid"],
      issuer: `${origin}/${tenant}/v2.0`,
      authorization_endpoint: `${origin}/${tenant}/oauth2/v2.0/authorize`,
    },
  };
}

function instanceDiscovery(options: AuthorityOptions, origin: string): AuthorityReply {
  const host = new URL(origin).host;
  return {
    status: 200,
    json: {
      tenant_discovery_endpoint: `${origin}/${options.tenantId}/v2.0/.well-known/openid-configuration`,
      "api-version": "1.1",
      metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
    },
  };
}

function clientToken(options: AuthorityOptions, tenant: string, form: URLSearchParams): AuthorityReply {
  if (!knownTenant(options, tenant)) return noSuchTenant(tenant);
  if (form.get("grant_type") !== "client_credentials") {
    return oauthError(400, "unsupported_grant_type", "AADSTS70003", "The grant type is not supported.");
  }
  const clientId = (form.get("client_id") ?? "").toLowerCase();
  const principal = options.principals.find(
    (one) => one.clientId.toLowerCase() === clientId && one.tenantId === tenant,
  );
  if (principal === undefined) {
    return oauthError(
      400,
      "unauthorized_client",
      "AADSTS700016",
      "The application was not found in the tenant.",
    );
  }
  const refused = refuseProof(principal, form, tenant);
  if (refused !== undefined) return refused;
  const scope = form.get("scope");
  if (scope === null || scope === "") {
    return oauthError(400, "invalid_request", "AADSTS900144", "The request must have the parameter 'scope'.");
  }
  const audience = audienceOf(scope);
  if (audience === undefined) {
    return oauthError(
      400,
      "invalid_scope",
      "AADSTS1002012",
      "The scope must end in '/.default' and name one resource.",
    );
  }
  return tokenReply(options, principal, audience);
}

/** The first resource scope's audience. MSAL adds scopes of its own (`openid`, ...), which Entra ignores here. */
function audienceOf(scope: string): string | undefined {
  const resourceScope = scope.split(" ").find((one) => one.endsWith("/.default"));
  return resourceScope?.slice(0, -"/.default".length);
}

function refuseProof(
  principal: Principal,
  form: URLSearchParams,
  tenant: string,
): AuthorityReply | undefined {
  const secret = form.get("client_secret");
  const assertion = form.get("client_assertion");
  if (assertion !== null) {
    if (form.get("client_assertion_type") !== ASSERTION_TYPE) {
      return oauthError(
        400,
        "invalid_request",
        "AADSTS50027",
        "The type of the client assertion is not JWT bearer.",
      );
    }
    const verdict = judgeAssertion(principal, assertion, tenant, Math.floor(Date.now() / 1000));
    if (verdict.kind === "taken") return undefined;
    return oauthError(401, "invalid_client", verdict.code, verdict.text);
  }
  if (secret === null) {
    return oauthError(
      401,
      "invalid_client",
      "AADSTS7000218",
      "The request needs 'client_secret' or 'client_assertion'.",
    );
  }
  if (secretMatches(principal, secret)) return undefined;
  return oauthError(401, "invalid_client", "AADSTS7000215", "Invalid client secret provided.");
}

function managedIdentityToken(options: AuthorityOptions, request: AuthorityRequest): AuthorityReply {
  const hasHeader =
    request.headers["metadata"] === "true" || request.headers["x-identity-header"] !== undefined;
  if (!hasHeader) {
    // The header keeps requests that a server was tricked into from getting a token.
    return oauthError(
      400,
      "invalid_request",
      "IMDS",
      "The header 'Metadata: true' or 'X-IDENTITY-HEADER' is required.",
    );
  }
  const resource = request.query.get("resource");
  if (resource === null || resource === "") {
    return oauthError(400, "invalid_request", "IMDS", "The parameter 'resource' is required.");
  }
  const clientId = request.query.get("client_id");
  const principal =
    clientId === null
      ? (options.principals.find((one) => one.managedIdentity) ?? options.principals[0])
      : options.principals.find((one) => one.clientId.toLowerCase() === clientId.toLowerCase());
  if (principal === undefined) return oauthError(400, "invalid_request", "IMDS", "Identity not found");
  const token = options.tokens.issue(principal, resource, options.tokenLifetimeSeconds);
  return {
    status: 200,
    json: {
      access_token: token,
      client_id: principal.clientId,
      expires_in: String(options.tokenLifetimeSeconds),
      expires_on: String(Math.floor(Date.now() / 1000) + options.tokenLifetimeSeconds),
      resource,
      token_type: "Bearer",
    },
  };
}

function tokenReply(options: AuthorityOptions, principal: Principal, audience: string): AuthorityReply {
  const lifetime = options.tokenLifetimeSeconds;
  return {
    status: 200,
    json: {
      token_type: "Bearer",
      expires_in: lifetime,
      ext_expires_in: lifetime,
      access_token: options.tokens.issue(principal, audience, lifetime),
    },
  };
}

function noSuchTenant(tenant: string): AuthorityReply {
  return oauthError(400, "invalid_tenant", "AADSTS90002", `Tenant '${tenant.slice(0, 100)}' not found.`);
}

function oauthError(status: number, error: string, code: string, text: string): AuthorityReply {
  const number = /^AADSTS(\d+)$/.exec(code)?.[1];
  return {
    status,
    json: {
      error,
      error_description: `${code}: ${text}`,
      error_codes: number === undefined ? [] : [Number(number)],
      timestamp: new Date().toISOString(),
      trace_id: randomUUID(),
      correlation_id: randomUUID(),
    },
  };
}
