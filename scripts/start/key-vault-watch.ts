import { createHash } from "node:crypto";
import { eventually, type Stack } from "@keyferry/testkit";

// Owns: what lies in the emulated Key Vault, as the demonstration waits for it and shows it.

/** An external secret as it is in Key Vault now. */
export interface SeenSecret {
  readonly name: string;
  readonly value: string | undefined;
  readonly versions: number;
  readonly tags: Readonly<Record<string, string>>;
  /** When Key Vault took the last write, ms since 1970. */
  readonly at: number;
}

interface EmulatedSecret {
  readonly name: string;
  readonly phase: string;
  readonly value?: string;
  readonly versions: readonly { readonly version: string; readonly tags: Readonly<Record<string, string>> }[];
}

interface Effect {
  readonly kind: string;
  readonly name: string;
  readonly wallMs: number;
  readonly valueSha256?: string;
}

const WAIT_MS_MAX = 60_000;

/** Waits until some secret of the vault holds `value`. */
export async function untilHolds(stack: Stack, vault: string, value: string): Promise<SeenSecret> {
  const found = await eventually(
    async () => (await liveSecrets(stack, vault)).find((secret) => secret.value === value),
    { what: `the value to arrive in ${vault}`, timeoutMs: WAIT_MS_MAX },
  );
  const sha256 = createHash("sha256").update(value).digest("hex");
  const effects = await effectsOn(stack, vault, found.name);
  const at = effects.findLast(({ valueSha256 }) => valueSha256 === sha256)?.wallMs ?? Date.now();
  const tags = found.versions.at(-1)?.tags ?? {};
  return { name: found.name, value: found.value, versions: found.versions.length, tags, at };
}

/** Waits until the secret is gone from the vault; gives when Key Vault took the delete. */
export async function untilGone(stack: Stack, vault: string, name: string): Promise<number> {
  await eventually(async () => (await liveSecrets(stack, vault)).every((secret) => secret.name !== name), {
    what: `${name} to be deleted in ${vault}`,
    timeoutMs: WAIT_MS_MAX,
  });
  const effects = await effectsOn(stack, vault, name);
  return effects.findLast(({ kind }) => kind === "delete")?.wallMs ?? Date.now();
}

async function liveSecrets(stack: Stack, vault: string): Promise<readonly EmulatedSecret[]> {
  const answer = (await stack.keyVault.control("GET", `secrets?vault=${vault}&reveal=true`)) as {
    vaults: Record<string, EmulatedSecret[]>;
  };
  return (answer.vaults[vault] ?? []).filter(({ phase }) => phase === "active");
}

async function effectsOn(stack: Stack, vault: string, name: string): Promise<readonly Effect[]> {
  const answer = (await stack.keyVault.control(
    "GET",
    `log?vault=${vault}&name=${encodeURIComponent(name)}`,
  )) as {
    effects: Effect[];
  };
  return answer.effects;
}
