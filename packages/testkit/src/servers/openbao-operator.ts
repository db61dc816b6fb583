// Owns: what a person would do to a persistent OpenBao before it can be used: initialise, unseal, make the known root
// token and `secret/`. Each step looks first, so that it may be repeated after a restart or a failure half-way.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const CALL_MS_MAX = 10_000;

interface InitKeys {
  readonly unsealKey: string;
  readonly initialToken: string;
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export class OpenBaoOperator {
  readonly #url: string;
  readonly #keysFile: string;
  readonly #rootToken: string;

  constructor(url: string, dir: string, rootToken: string) {
    this.#url = url;
    this.#keysFile = join(dir, "init.json");
    this.#rootToken = rootToken;
  }

  /** Whether the server is unsealed and active and `secret/` is mounted. A dev server mounts it after it first answers. */
  async isReady(): Promise<boolean> {
    const health = await this.#call("GET", "sys/health");
    if (health.status !== 200) return false;
    const mounts = await this.#call("GET", "sys/mounts", undefined, this.#rootToken);
    return mounts.status === 200 && "secret/" in mounts.body;
  }

  /** Takes the next steps towards `isReady`, and says whether it is reached. */
  async bringUp(): Promise<boolean> {
    const health = await this.#call("GET", "sys/health");
    const keys = await this.#readKeys();
    if (health.body["initialized"] === false) {
      await this.#initialise();
      return false;
    }
    if (keys === undefined) throw new Error(`the server is initialised, but ${this.#keysFile} is missing`);
    if (health.body["sealed"] === true) {
      await this.#expect(200, "PUT", "sys/unseal", { key: keys.unsealKey });
      return false;
    }
    // 429 standby: a single node stands by until it has elected itself.
    if (health.status !== 200) return false;
    await this.#ensureRootToken(keys);
    await this.#ensureSecretMount();
    return await this.isReady();
  }

  /** Takes the next steps towards being another server's standby, and says whether it is one that serves. */
  async bringUpStandby(): Promise<boolean> {
    const { body: health } = await this.#call("GET", "sys/health");
    const keys = await this.#readKeys();
    if (keys === undefined) throw new Error(`${this.#keysFile} of the server to join is missing`);
    if (health["initialized"] === true && health["sealed"] === true) {
      await this.#expect(200, "PUT", "sys/unseal", { key: keys.unsealKey });
      return false;
    }
    if (health["sealed"] !== false || health["standby"] !== true) return false;
    return (await this.#call("GET", "sys/mounts", undefined, this.#rootToken)).status === 200;
  }

  async #initialise(): Promise<void> {
    const body = await this.#expect(200, "PUT", "sys/init", { secret_shares: 1, secret_threshold: 1 });
    const keys = body["keys_base64"];
    const unsealKey: unknown = Array.isArray(keys) ? keys[0] : undefined;
    const initialToken = body["root_token"];
    if (typeof unsealKey !== "string" || typeof initialToken !== "string") {
      throw new Error("sys/init answered without key or token");
    }
    // The server shows them once. This is a test server; a real one's keys don't belong beside its data.
    await writeFile(this.#keysFile, JSON.stringify({ unsealKey, initialToken }), { mode: 0o600 });
  }

  async #ensureRootToken({ initialToken }: InitKeys): Promise<void> {
    const lookup = await this.#call("GET", "auth/token/lookup-self", undefined, this.#rootToken);
    if (lookup.status === 200) return;
    const wish = { id: this.#rootToken, policies: ["root"], no_parent: true };
    await this.#expect(200, "POST", "auth/token/create", wish, initialToken);
  }

  async #ensureSecretMount(): Promise<void> {
    const mounts = await this.#expect(200, "GET", "sys/mounts", undefined, this.#rootToken);
    if ("secret/" in mounts) return;
    await this.#expect(
      204,
      "POST",
      "sys/mounts/secret",
      { type: "kv", options: { version: "2" } },
      this.#rootToken,
    );
  }

  async #readKeys(): Promise<InitKeys | undefined> {
    const text = await readFile(this.#keysFile, "utf8").catch(() => undefined);
    return text === undefined ? undefined : (JSON.parse(text) as InitKeys);
  }

  async #expect(
    status: number,
    method: string,
    path: string,
    body?: object,
    token?: string,
  ): Promise<Answer["body"]> {
    const answer = await this.#call(method, path, body, token);
    if (answer.status === status) return answer.body;
    throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body["errors"])}`);
  }

  async #call(method: string, path: string, body?: object, token?: string): Promise<Answer> {
    const answer = await fetch(`${this.#url}/v1/${path}`, {
      method,
      headers: token === undefined ? {} : { "X-Vault-Token": token },
      signal: AbortSignal.timeout(CALL_MS_MAX),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === "" ? {} : (JSON.parse(text) as Answer["body"]) };
  }
}
