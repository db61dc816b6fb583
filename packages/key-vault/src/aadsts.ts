// Owns: what Entra's codes mean to whoever wrote a destination: its own texts quote the request. A code that is not here
// is told as it is. Pure.

export interface EntraCode {
  readonly meaning: string;
  /** Which part of a destination is wrong. */
  readonly part: "tenant" | "client" | "credential" | "authority";
}

// reference: learn.microsoft.com, "Microsoft Entra authentication and authorization error codes".
const CODES: Readonly<Record<string, EntraCode>> = {
  AADSTS90002: { meaning: "the tenant does not exist in this cloud", part: "tenant" },
  AADSTS900023: { meaning: "tenant_id is neither a UUID nor a domain of a tenant", part: "tenant" },
  AADSTS900382: { meaning: "the tenant is in another cloud", part: "tenant" },
  AADSTS90038: { meaning: "the tenant is in another cloud", part: "tenant" },
  AADSTS700016: { meaning: "client_id is no application of this tenant", part: "client" },
  AADSTS7000112: { meaning: "the application is disabled", part: "client" },
  AADSTS7000215: {
    meaning: "client_secret is wrong; send the secret's value, not its id",
    part: "credential",
  },
  AADSTS7000222: { meaning: "client_secret has expired", part: "credential" },
  AADSTS7000218: { meaning: "the request had no credential", part: "credential" },
  AADSTS700027: { meaning: "the certificate is not registered with the application", part: "credential" },
  AADSTS700024: {
    meaning: "the assertion is not valid at this time: look at the clock and at the certificate's life",
    part: "credential",
  },
  AADSTS70021: {
    meaning: "no federated credential of the application matches the token",
    part: "credential",
  },
  AADSTS700211: { meaning: "no federated credential has this token's issuer", part: "credential" },
  AADSTS700212: { meaning: "no federated credential has this token's audience", part: "credential" },
  AADSTS700213: { meaning: "no federated credential has this token's subject", part: "credential" },
  AADSTS50049: { meaning: "authorityHost is no authority of Entra", part: "authority" },
};

/** What a code means; undefined: this table does not know it. */
export function entraCode(code: string): EntraCode | undefined {
  return Object.hasOwn(CODES, code) ? CODES[code] : undefined;
}
