// Proves: the request limits: how many, of what, per vault and per subscription, and what a refusal looks like.
// A real vault is not driven into its limits: others may share them.
import { expect, test } from "vitest";
import type { LimitPolicy } from "../../src/index.ts";
import { AZURE_LIMITS } from "../../src/index.ts";
import { refused, told } from "../support/refusals.ts";
import type { RawAnswer } from "../support/https-client.ts";
import { needs, vaultUnderTest } from "../support/vault-under-test.ts";

const vault = vaultUnderTest({ limits: "azure", frozenClock: true });

async function put(inVault: string, count: number): Promise<readonly number[]> {
  const statuses: number[] = [];
  for (let at = 0; at < count; at += 1) statuses.push((await putOne(inVault, at)).status);
  return statuses;
}

function putOne(inVault: string, at = 0): Promise<RawAnswer> {
  return vault.raw("PUT", `/secrets/limited-${at}`, { vault: inVault, body: { value: "v" } });
}

function use(policy: Partial<LimitPolicy>): void {
  vault.emulator.limits.setPolicy({ ...AZURE_LIMITS, ...policy });
}

test("a few calls are far from any limit", async () => {
  const name = vault.freshName("limits");
  expect((await vault.raw("PUT", `/secrets/${name}`, { body: { value: "v" } })).status).toBe(200);
});

test.each(needs("control"))("300 sets in 10 s are served, the next one is throttled", async () => {
  use({});
  const statuses = await put("limits-create", 301);
  expect(statuses.filter((status) => status === 200)).toHaveLength(300);
  expect(statuses.at(-1)).toBe(429);
});

test.each(needs("control"))("a refusal is Throttled, and has no Retry-After", async () => {
  use({ vaultCreates: 0 });
  const answer = await putOne("limits-form");
  expect(told(answer)).toMatchObject({ status: 429, code: "Throttled" });
  expect(answer.headers).not.toHaveProperty("retry-after");
});

test.each(needs("control"))("a Retry-After is sent where that is asked for", async () => {
  use({ vaultCreates: 0, retryAfterSeconds: 7 });
  expect((await putOne("limits-form")).headers["retry-after"]).toBe("7");
});

test.each(needs("control"))("the SDK does not retry a refusal without a Retry-After", async () => {
  use({ vaultCreates: 0 });
  const client = vault.client("limits-sdk", { retryOptions: { maxRetries: 3, retryDelayInMs: 1 } });
  await client.listPropertiesOfSecrets().byPage({ maxPageSize: 1 }).next();
  expect(await refused(client.setSecret("any", "v"))).toMatchObject({ status: 429, code: "Throttled" });
  expect(vault.emulator.oracle.requests({ vault: "limits-sdk", status: 429 })).toHaveLength(1);
});

test.each(needs("control"))("reading goes on while setting is throttled", async () => {
  use({ vaultCreates: 1 });
  expect(await put("limits-read", 2)).toEqual([200, 429]);
  expect((await vault.raw("GET", "/secrets/limited-0", { vault: "limits-read" })).status).toBe(200);
});

test.each(needs("control"))("a tag change is not a create", async () => {
  use({ vaultCreates: 1 });
  await put("limits-patch", 2);
  const body = { tags: { a: "b" } };
  expect((await vault.raw("PATCH", "/secrets/limited-0", { vault: "limits-patch", body })).status).toBe(200);
});

test.each(needs("control"))("other calls have a limit of their own", async () => {
  use({ vaultOthers: 2 });
  const get = async (): Promise<number> =>
    (await vault.raw("GET", "/secrets", { vault: "limits-other" })).status;
  expect([await get(), await get(), await get()]).toEqual([200, 200, 429]);
  expect((await putOne("limits-other")).status).toBe(200);
});

test.each(needs("control"))("one vault's limit does not touch another vault", async () => {
  use({ vaultCreates: 1 });
  expect(await put("limits-one", 2)).toEqual([200, 429]);
  expect(await put("limits-two", 1)).toEqual([200]);
});

test.each(needs("control"))("the vaults of a subscription and region share a limit", async () => {
  use({ vaultCreates: 2, groupCreates: 3 });
  expect([...(await put("limits-three", 2)), ...(await put("limits-four", 2))]).toEqual([200, 200, 200, 429]);
});

test.each(needs("control"))(
  "sliding: a call fits again when the first of the window is 10 s old",
  async () => {
    use({ vaultCreates: 2 });
    await put("limits-slide", 1);
    vault.emulator.clock.advance(9_000);
    expect(await put("limits-slide", 2)).toEqual([200, 429]);
    vault.emulator.clock.advance(1_000);
    expect(await put("limits-slide", 2)).toEqual([200, 429]);
  },
);

test.each(needs("control"))("fixed: two full windows may meet", async () => {
  use({ vaultCreates: 2, shape: "fixed" });
  vault.emulator.clock.advance(10_000 - (vault.emulator.clock.nowMs() % 10_000) + 9_900);
  expect(await put("limits-fixed", 3)).toEqual([200, 200, 429]);
  vault.emulator.clock.advance(100);
  expect(await put("limits-fixed", 3)).toEqual([200, 200, 429]);
});

test.each(needs("control"))("where refused calls count, whoever goes on asking stays throttled", async () => {
  use({ vaultCreates: 1, countRejected: true });
  expect(await put("limits-stubborn", 1)).toEqual([200]);
  for (let at = 0; at < 3; at += 1) {
    vault.emulator.clock.advance(6_000);
    expect(await put("limits-stubborn", 1)).toEqual([429]);
  }
  vault.emulator.clock.advance(10_000);
  expect(await put("limits-stubborn", 1)).toEqual([200]);
});

test.each(needs("control"))("where refused calls do not count, the window opens in time", async () => {
  use({ vaultCreates: 1 });
  await put("limits-patient", 1);
  vault.emulator.clock.advance(6_000);
  expect(await put("limits-patient", 1)).toEqual([429]);
  vault.emulator.clock.advance(4_000);
  expect(await put("limits-patient", 1)).toEqual([200]);
});

test.each(needs("control"))("another client's calls use up the same room", async () => {
  use({});
  vault.emulator.consume("limits-shared", "create", 299);
  expect(await put("limits-shared", 2)).toEqual([200, 429]);
});

test.each(needs("control"))("a challenge does not use up room", async () => {
  use({ vaultOthers: 1 });
  await vault.raw("GET", "/secrets", { vault: "limits-challenge", token: null });
  expect((await vault.raw("GET", "/secrets", { vault: "limits-challenge" })).status).toBe(200);
});

test.each(needs("control"))("a set that ends in a conflict has used up room", async () => {
  use({ vaultCreates: 2 });
  await put("limits-conflict", 1);
  await vault.raw("DELETE", "/secrets/limited-0", { vault: "limits-conflict" });
  expect(await put("limits-conflict", 1)).toEqual([409]);
  expect(await put("limits-conflict", 1)).toEqual([429]);
});

test.each(needs("control"))("a throttled set has no effect", async () => {
  use({ vaultCreates: 0 });
  await putOne("limits-effect");
  expect(vault.emulator.oracle.effects({ vault: "limits-effect" })).toEqual([]);
});
