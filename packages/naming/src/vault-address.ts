// Owns: which addresses a destination may have (O18, hazard uri-aimed-elsewhere), and the one spelling of a vault's
// host that locks, tags and digests use. Does not own: connecting; the address of the socket is the adapter's matter.

export type AzureCloud = "AzurePublicCloud" | "AzureUSGovernmentCloud" | "AzureChinaCloud";

/** Suffix of vault hosts and the host that gives tokens (reference: Germany's cloud closed in October 2021). */
export const AZURE_CLOUDS: Readonly<
  Record<AzureCloud, { readonly vaultSuffix: string; readonly authorityHost: string }>
> = {
  AzurePublicCloud: { vaultSuffix: "vault.azure.net", authorityHost: "https://login.microsoftonline.com" },
  AzureUSGovernmentCloud: {
    vaultSuffix: "vault.usgovcloudapi.net",
    authorityHost: "https://login.microsoftonline.us",
  },
  AzureChinaCloud: { vaultSuffix: "vault.azure.cn", authorityHost: "https://login.chinacloudapi.cn" },
};

// Vault's API takes "cloud" and the empty string for the public cloud (reference: azure-kv parameters).
const PUBLIC_NAMES: ReadonlySet<string | undefined> = new Set([undefined, "", "cloud", "AzurePublicCloud"]);

export type VaultUriCheck =
  | { kind: "ok"; vaultHost: string; cloud: AzureCloud }
  | { kind: "refused"; why: string };

/**
 * Takes `https://NAME.SUFFIX` with at most one trailing slash, and nothing else: no port, user, path or query, so that
 * neither tokens nor values can be aimed at another host. The answer's `vaultHost` is canonical.
 */
export function checkVaultUri(uri: string, cloud?: string): VaultUriCheck {
  const known = PUBLIC_NAMES.has(cloud) ? "AzurePublicCloud" : asCloud(cloud);
  if (known === undefined) {
    return { kind: "refused", why: `cloud is none of ${Object.keys(AZURE_CLOUDS).join(", ")}` };
  }
  const { vaultSuffix } = AZURE_CLOUDS[known];
  const wanted = `https://NAME.${vaultSuffix}`;
  // Matched as text, before any URL parser gets to mend it: what is accepted is what will be connected to.
  const match = /^https:\/\/([^/?#@:]+)\/?$/i.exec(uri);
  if (match?.[1] === undefined) {
    return { kind: "refused", why: `key_vault_uri is not of the form ${wanted}, without port, user or path` };
  }
  const host = match[1].toLowerCase();
  const name = host.endsWith(`.${vaultSuffix}`) ? host.slice(0, -vaultSuffix.length - 1) : undefined;
  if (name === undefined) {
    return { kind: "refused", why: `the host of key_vault_uri does not end in .${vaultSuffix}` };
  }
  if (!/^[a-z](?:[a-z0-9]|-(?!-)){1,22}[a-z0-9]$/.test(name)) {
    return { kind: "refused", why: "the name of the vault is not 3 to 24 letters, digits and single dashes" };
  }
  return { kind: "ok", vaultHost: host, cloud: known };
}

function asCloud(cloud: string | undefined): AzureCloud | undefined {
  return cloud !== undefined && Object.hasOwn(AZURE_CLOUDS, cloud) ? (cloud as AzureCloud) : undefined;
}

export type TenantCheck = { kind: "ok"; tenantId: string } | { kind: "refused"; why: string };

const TENANT_CHARACTERS_MAX = 253; // the longest DNS name
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const DNS_NAME = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/i;

/** A tenant is a UUID or a DNS name; it becomes a path segment of the address that tokens come from. */
export function checkTenantId(tenantId: string): TenantCheck {
  const legal = tenantId.length <= TENANT_CHARACTERS_MAX && (UUID.test(tenantId) || DNS_NAME.test(tenantId));
  return legal
    ? { kind: "ok", tenantId }
    : { kind: "refused", why: "tenant_id is neither a UUID nor a DNS name" };
}
