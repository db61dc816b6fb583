// Owns: the HTTP calls that Terraform's Vault provider makes for its sync resources (reference: clients, Terraform), so
// that a test may be the provider. It keeps no state; what the provider would compare is given back.

import type { VaultApi } from "@keyferry/testkit";

export const destinationPath = (name: string): string => `sys/sync/destinations/azure-kv/${name}`;

type Fields = Readonly<Record<string, unknown>>;

export interface Metadata {
  readonly accessor: string;
  readonly secret_name: string;
  readonly sub_key: string;
  readonly sync_status: string;
  readonly updated_at: string;
}

/** The provider's start: it looks its token up, makes a child of it, asks the version, and goes on with the child. */
export async function startProvider(
  root: VaultApi,
): Promise<{ readonly provider: VaultApi; readonly version: unknown }> {
  await root.expect("GET", "auth/token/lookup-self");
  const { status, body } = await root.call("POST", "auth/token/create", {
    display_name: "terraform",
    ttl: "20m",
    explicit_max_ttl: "20m",
    renewable: false,
  });
  if (status !== 200) throw new Error(`auth/token/create answered ${status}`);
  const { auth } = body as { auth: { client_token: string } };
  const provider = root.withToken(auth.client_token);
  const sealStatus = await provider.call("GET", "sys/seal-status");
  return { provider, version: (sealStatus.body as { version?: unknown }).version };
}

/** Create and update are the same PUT; zero values are not sent. The provider reads the destination right after. */
export async function applyDestination(provider: VaultApi, name: string, fields: Fields): Promise<Fields> {
  const sent = Object.entries(fields).filter(([, value]) => !isZero(value));
  await provider.expect("PUT", destinationPath(name), Object.fromEntries(sent));
  return await readDestination(provider, name);
}

/** The fields as the provider puts them into its state: connection_details first, options over them. */
export async function readDestination(provider: VaultApi, name: string): Promise<Fields> {
  const data = await provider.expect("GET", destinationPath(name));
  const options = data["options"] as Fields;
  const { granularity_level: granularity, ...others } = options;
  return { name: data["name"], ...(data["connection_details"] as Fields), ...others, granularity };
}

/** Create of an association: set, the mount's accessor, the rows of it. No row is the provider's error. */
export async function applyAssociation(
  provider: VaultApi,
  destination: string,
  secret: { readonly mount: string; readonly secret_name: string },
): Promise<readonly Metadata[]> {
  await provider.expect("PUT", `${destinationPath(destination)}/associations/set`, secret);
  return await readAssociation(provider, destination, secret);
}

/** Read of an association: the provider filters by accessor and name. */
export async function readAssociation(
  provider: VaultApi,
  destination: string,
  secret: { readonly mount: string; readonly secret_name: string },
): Promise<readonly Metadata[]> {
  const { accessor } = await provider.expect("GET", `sys/mounts/${secret.mount}`);
  const answer = await provider.call("GET", `${destinationPath(destination)}/associations`);
  // The provider's client gives nothing on 404, and the provider does not look before it uses that.
  if (answer.status === 404) throw new Error("panic: the provider uses an answer that is not there");
  const { data } = answer.body as { data: { associated_secrets: Record<string, Metadata> } };
  return Object.values(data.associated_secrets).filter(
    (row) => row.accessor === accessor && row.secret_name === secret.secret_name,
  );
}

export async function destroyAssociation(
  provider: VaultApi,
  destination: string,
  secret: { readonly mount: string; readonly secret_name: string },
): Promise<void> {
  await provider.expect("PUT", `${destinationPath(destination)}/associations/remove`, secret);
}

/** Never with purge. */
export async function destroyDestination(provider: VaultApi, name: string): Promise<number> {
  return (await provider.call("DELETE", destinationPath(name))).status;
}

// What Terraform's GetOk takes for not set.
function isZero(value: unknown): boolean {
  if (value === undefined || value === "" || value === false || value === 0) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
