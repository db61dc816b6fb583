import { readFile } from "node:fs/promises";
import { request } from "node:https";
import type { Stack } from "@keyferry/testkit";

// The oracle of the end-to-end tests: what lies in the emulated Key Vault, and every effect that got it there.

export interface EmulatedVersion {
  readonly version: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly valueSha256: string;
}

export interface EmulatedSecret {
  readonly name: string;
  readonly phase: string;
  readonly value?: string;
  readonly versions: readonly EmulatedVersion[];
}

export interface Effect {
  readonly kind: string;
  readonly name: string;
  readonly wallMs: number;
}

/** The secrets of a vault that are active, by name, with their current values. */
export async function liveSecrets(stack: Stack, vault: string): Promise<ReadonlyMap<string, EmulatedSecret>> {
  const answer = (await stack.keyVault.control("GET", `secrets?vault=${vault}&reveal=true`)) as {
    vaults: Record<string, EmulatedSecret[]>;
  };
  const active = (answer.vaults[vault] ?? []).filter(({ phase }) => phase === "active");
  return new Map(active.map((secret) => [secret.name, secret]));
}

/** Bodies that came without a token, answers of 429, and so on, since the start. */
export async function counters(stack: Stack): Promise<Readonly<Record<string, unknown>>> {
  const answer = (await stack.keyVault.control(
    "GET",
    "log?requestsAfter=999999999&effectsAfter=999999999",
  )) as {
    counters: Record<string, unknown>;
  };
  return answer.counters;
}

/** Every effect on a vault, oldest first. */
export async function effects(stack: Stack, vault: string): Promise<readonly Effect[]> {
  const answer = (await stack.keyVault.control("GET", `log?vault=${vault}`)) as { effects: Effect[] };
  return answer.effects;
}

/** Writes a secret as somebody else would, with a token and over the data plane. */
export function writeByHand(stack: Stack, vault: string, name: string, value: string): Promise<void> {
  return callByHand(stack, vault, name, { method: "PUT", body: JSON.stringify({ value }) });
}

/** Soft-deletes one as somebody else would. */
export function deleteByHand(stack: Stack, vault: string, name: string): Promise<void> {
  return callByHand(stack, vault, name, { method: "DELETE" });
}

async function callByHand(
  stack: Stack,
  vault: string,
  name: string,
  { method, body }: { readonly method: string; readonly body?: string },
): Promise<void> {
  const { token } = (await stack.keyVault.control("POST", "token", {})) as { token: string };
  const host = `${vault}.vault.azure.net`;
  const ca = await readFile(stack.keyVault.caFile);
  await new Promise<void>((resolve, reject) => {
    const call = request(
      {
        host: "127.0.0.1",
        port: stack.keyVault.port,
        servername: host,
        ca,
        method,
        path: `/secrets/${name}?api-version=7.4`,
        headers: { Host: host, Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      },
      (answer) => {
        answer.resume();
        answer.on("end", () =>
          answer.statusCode === 200
            ? resolve()
            : reject(new Error(`the vault answered ${answer.statusCode}`)),
        );
      },
    );
    call.on("error", reject);
    call.end(body);
  });
}
