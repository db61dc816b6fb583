// Owns: calls to Vault's HTTP API as a person with curl would make them.

const CALL_MS_MAX = 30_000;

export interface VaultAnswer {
  readonly status: number;
  /** The whole body; undefined if it was empty. */
  readonly body: unknown;
}

/** Vault's HTTP API at one address with one token. */
export class VaultApi {
  readonly address: string;
  readonly #token: string;

  constructor(address: string, token: string) {
    this.address = address;
    this.#token = token;
  }

  /** The same address with another token. */
  withToken(token: string): VaultApi {
    return new VaultApi(this.address, token);
  }

  /** One call below /v1; whatever its status. */
  async call(method: string, path: string, body?: unknown): Promise<VaultAnswer> {
    const answer = await fetch(`${this.address}/v1/${path}`, {
      method,
      headers: {
        "X-Vault-Token": this.#token,
        ...(body === undefined
          ? {}
          : { "Content-Type": method === "PATCH" ? "application/merge-patch+json" : "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: "manual",
      signal: AbortSignal.timeout(CALL_MS_MAX),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === "" ? undefined : parseBody(text) };
  }

  /** As `call`, but an answer that is not 2xx is an error that quotes Vault's words. Gives the body's `data`. */
  async expect(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const { status, body: answer } = await this.call(method, path, body);
    if (status < 200 || status > 299) {
      throw new Error(`${method} ${path} answered ${status}: ${JSON.stringify(answer)}`);
    }
    const data = isObject(answer) ? answer["data"] : undefined;
    return isObject(data) ? data : {};
  }

  /** Makes a KVv2 mount. */
  async mountKv2(path: string): Promise<void> {
    await this.expect("POST", `sys/mounts/${path}`, { type: "kv", options: { version: "2" } });
  }

  /** Writes a policy and gives a token with it alone (and `default`). */
  async tokenFor(policyName: string, policy: string): Promise<string> {
    await this.expect("PUT", `sys/policies/acl/${policyName}`, { policy });
    const { body } = await this.call("POST", "auth/token/create-orphan", {
      policies: [policyName],
      period: "24h",
    });
    const auth = isObject(body) ? body["auth"] : undefined;
    const token = isObject(auth) ? auth["client_token"] : undefined;
    if (typeof token !== "string") throw new Error(`No token was made for the policy ${policyName}`);
    return token;
  }

  /** Writes a policy and an AppRole role with it alone; its tokens have leases of so many seconds. */
  async appRoleFor(
    name: string,
    policy: string,
    leaseS: number,
  ): Promise<{ readonly roleId: string; readonly secretId: string }> {
    await this.expect("PUT", `sys/policies/acl/${name}`, { policy });
    const role = `auth/approle/role/${name}`;
    await this.expect("POST", role, { token_policies: [name], token_ttl: `${leaseS}s` });
    const { role_id: roleId } = await this.expect("GET", `${role}/role-id`);
    const { secret_id: secretId } = await this.expect("POST", `${role}/secret-id`, {});
    return { roleId: String(roleId), secretId: String(secretId) };
  }

  /** Writes a secret's next version and gives its number. */
  async putSecret(mount: string, path: string, data: Readonly<Record<string, unknown>>): Promise<number> {
    const { version } = await this.expect("POST", `${mount}/data/${path}`, { data });
    if (typeof version !== "number") throw new Error(`The write of ${mount}/${path} gave no version`);
    return version;
  }

  /** Deletes a secret's latest version, as `kv delete` does. */
  async deleteSecret(mount: string, path: string): Promise<void> {
    await this.expect("DELETE", `${mount}/data/${path}`);
  }
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
