// Owns: the configured login as the Vault client wants it. Files and references are read at each login, as they rotate.
import { readFile } from "node:fs/promises";
import { KeyferryError } from "@keyferry/errors";
import { SecretValue } from "@keyferry/ports";
import type { ServiceConfigs, ServiceSecrets } from "@keyferry/service";
import type { LoginMethod } from "@keyferry/vault-client";

type Auth = NonNullable<ServiceConfigs["changeDetector"]["changeDetector"]["auth"]>;

// Where Kubernetes puts the token of a pod's service account.
const SERVICE_ACCOUNT_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token";

export function loginMethodOf(
  auth: Auth,
  rereadSecrets: () => Promise<ServiceSecrets["changeDetector"]>,
): LoginMethod {
  const { method, mount = method } = auth;
  switch (method) {
    case "approle":
      return {
        kind: "approle",
        mount,
        roleId: needed(auth.roleId, "auth.roleId"),
        secretId: async () => needed((await rereadSecrets()).secretId, "auth.secretId"),
      };
    case "kubernetes":
      return {
        kind: "jwt",
        mount,
        role: needed(auth.role, "auth.role"),
        jwt: () => readJwt(auth.jwtFile ?? SERVICE_ACCOUNT_TOKEN),
      };
    case "jwt": {
      const file = needed(auth.jwtFile, "auth.jwtFile");
      return { kind: "jwt", mount, role: needed(auth.role, "auth.role"), jwt: () => readJwt(file) };
    }
    default:
      return method satisfies never;
  }
}

/** A key that the configuration's own check has asked for. */
export function needed<T>(value: T | undefined, key: string): T {
  if (value !== undefined) return value;
  throw new KeyferryError("config-invalid", `changeDetector.${key} is missing`);
}

async function readJwt(file: string): Promise<SecretValue> {
  try {
    return new SecretValue((await readFile(file, "utf8")).trim());
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "unknown";
    throw new KeyferryError("source-denied", "The file with the login's JWT can't be read", { code });
  }
}
