// Owns: what every disaster begins and ends with: a stack with secrets in step, and the judgement that they are so again,
// with exactly the versions that there should be.
import {
  eventually,
  type Stack,
  STACK_MOUNT,
  type StackOptions,
  startStack,
  VaultApi,
} from "@keyferry/testkit";
import { effects, liveSecrets } from "./emulated-vault.ts";
import { runFolder } from "./run-folder.ts";
import { associate, createDestination, rows } from "./sync-api.ts";

const SECRETS = ["app-one", "app-two", "app-three"] as const;

/** A running stack with three secrets in one vault, in step. */
export class Disaster implements AsyncDisposable {
  readonly stack: Stack;
  readonly source: VaultApi;
  readonly vault: string;
  readonly #folder: AsyncDisposable;

  constructor(stack: Stack, folder: AsyncDisposable, vault: string) {
    this.stack = stack;
    this.source = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
    this.vault = vault;
    this.#folder = folder;
  }

  /** Writes the next version of a secret. */
  async change(secret: string, value: string): Promise<void> {
    await this.source.putSecret(STACK_MOUNT, secret, { value });
  }

  /** Waits until each secret holds its value in Key Vault and is `SYNCED`. */
  async inStep(values: Readonly<Record<string, string>>, timeoutMs = 60_000): Promise<void> {
    for (const [secret, value] of Object.entries(values)) {
      await eventually(async () => (await liveSecrets(this.stack, this.vault)).get(secret)?.value, {
        what: `${secret} to be ${value} in Key Vault`,
        until: (found) => found === JSON.stringify({ value }),
        timeoutMs,
      });
      await this.hasStatus(secret, "SYNCED", timeoutMs);
    }
  }

  async hasStatus(secret: string, wished: string, timeoutMs = 60_000): Promise<void> {
    await eventually(
      async () => (await rows(this.stack, this.vault)).find((row) => row.secret_name === secret)?.sync_status,
      { what: `${secret} to be ${wished}`, until: (found) => found === wished, timeoutMs },
    );
  }

  /** How many versions were ever written to the vault, and how many secrets were deleted there. */
  async written(): Promise<{ readonly sets: number; readonly deletes: number }> {
    const all = await effects(this.stack, this.vault);
    const count = (kind: string): number => all.filter((effect) => effect.kind === kind).length;
    return { sets: count("set"), deletes: count("delete") };
  }

  /** Throws unless exactly so many versions were ever written, and nothing was deleted. */
  async expectWritten(sets: number): Promise<void> {
    const written = await this.written();
    if (written.sets === sets && written.deletes === 0) return;
    throw new Error(`${sets} versions and no deletes were expected: ${JSON.stringify(written)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack.stop();
    await this.#folder[Symbol.asyncDispose]();
  }
}

/** Starts one; its rounds are short, so that what mends itself does so within a test. */
export async function startDisaster(vault: string, over: Partial<StackOptions> = {}): Promise<Disaster> {
  const folder = await runFolder();
  try {
    const stack = await startStack({
      dir: folder.path,
      settleIntervalS: 2,
      sweepIntervalS: 3,
      keyVault: { limits: "off" },
      ...over,
    });
    const disaster = new Disaster(stack, folder, vault);
    await createDestination(stack, vault);
    for (const secret of SECRETS) {
      await disaster.change(secret, "first");
      await associate(stack, vault, secret);
    }
    await disaster.inStep(FIRST);
    return disaster;
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

/** What the secrets hold when a disaster begins: three versions in all. */
export const FIRST = Object.fromEntries(SECRETS.map((secret) => [secret, "first"]));
