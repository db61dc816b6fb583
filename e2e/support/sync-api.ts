import { DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_TENANT_ID } from "@keyferry/key-vault-emulator";
import { type Stack, STACK_MOUNT } from "@keyferry/testkit";

// Keyferry's API as a user of the tests calls it.

export interface AssociationRow {
  readonly secret_name: string;
  readonly sync_status: string;
  readonly external_name?: string;
  readonly reason?: string;
}

const path = (destination: string): string => `sys/sync/destinations/azure-kv/${destination}`;

/** Makes a destination on the vault of the same name. */
export async function createDestination(
  stack: Stack,
  name: string,
  over: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await stack.vault.expect("PUT", path(name), {
    key_vault_uri: `https://${name}.vault.azure.net`,
    tenant_id: DEFAULT_TENANT_ID,
    client_id: DEFAULT_CLIENT_ID,
    client_secret: DEFAULT_CLIENT_SECRET,
    secret_name_template: "{{ .SecretPath }}",
    ...over,
  });
}

export async function associate(stack: Stack, destination: string, secretName: string): Promise<void> {
  await stack.vault.expect("PUT", `${path(destination)}/associations/set`, {
    mount: STACK_MOUNT,
    secret_name: secretName,
  });
}

export async function dissociate(stack: Stack, destination: string, secretName: string): Promise<void> {
  await stack.vault.expect("PUT", `${path(destination)}/associations/remove`, {
    mount: STACK_MOUNT,
    secret_name: secretName,
  });
}

/** The rows of a destination's associations. */
export async function rows(stack: Stack, destination: string): Promise<readonly AssociationRow[]> {
  const { associated_secrets: found } = await stack.vault.expect("GET", `${path(destination)}/associations`);
  return Object.values(found as Record<string, AssociationRow>);
}
