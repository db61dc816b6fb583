import type { SecretRef } from "@keyferry/contracts";

/** The variables that Vault documents for secret name templates. */
export const VARIABLE_NAMES = [
  "DestinationType",
  "DestinationName",
  "NamespacePath",
  "NamespaceBaseName",
  "NamespaceID",
  "MountPath",
  "MountBaseName",
  "MountAccessor",
  "SecretPath",
  "SecretBaseName",
  "SecretKey",
] as const;
export type VariableName = (typeof VARIABLE_NAMES)[number];

/** `NamespaceID` and `SecretKey` are absent where they are unknown or do not exist; using them then is refused. */
export type NameVariables = Readonly<
  Record<Exclude<VariableName, "NamespaceID" | "SecretKey">, string> & {
    NamespaceID?: string | undefined;
    SecretKey?: string | undefined;
  }
>;

/** The id that Vault and OpenBao give their root namespace. */
const ROOT_NAMESPACE_ID = "root";

/** The variables of a secret under a destination. "Base name" is what follows the last slash. */
export function nameVariables(of: {
  destination: { type: string; name: string };
  secret: SecretRef;
  namespaceId?: string | undefined;
  secretKey?: string | undefined;
}): NameVariables {
  const { destination, secret } = of;
  return {
    DestinationType: destination.type,
    DestinationName: destination.name,
    NamespacePath: secret.namespace,
    NamespaceBaseName: baseName(secret.namespace),
    NamespaceID: of.namespaceId ?? (secret.namespace === "" ? ROOT_NAMESPACE_ID : undefined),
    // Without a slash at its end (reference: seen in names that a real server made).
    MountPath: secret.mount,
    MountBaseName: baseName(secret.mount),
    MountAccessor: secret.accessor,
    SecretPath: secret.path,
    SecretBaseName: baseName(secret.path),
    SecretKey: of.secretKey,
  };
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
