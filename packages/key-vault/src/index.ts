export { createKeyVault, type KeyVaultOptions } from "./create-key-vault.ts";
export { checkConnection, type CheckOptions } from "./check-connection.ts";
export type { AzureCredential } from "./credential.ts";
export type {
  Absent,
  Call,
  Conflict,
  ConflictReason,
  KeyVault,
  SecretAttributes,
  SecretListed,
  SecretVersion,
} from "./key-vault.ts";
