import { encodePath } from "../transport/encode-path.ts";

/** A mount by its path. `namespace` is absolute, without slashes at its ends; empty for the root namespace. */
export interface MountAddress {
  readonly namespace: string;
  readonly mount: string;
}

/** A secret by its path; a `SecretRef` is one. */
export interface SecretAddress extends MountAddress {
  readonly path: string;
}

/** The call path of a KVv2 operation, e.g. `my-kv/metadata/app/db`. */
export function kvPath(secret: SecretAddress, operation: "data" | "metadata" | "destroy"): string {
  return `${encodePath(secret.mount)}/${operation}/${encodePath(secret.path)}`;
}
