// What a sink sees under names that a plan would write, one by one and, where they are many, by the vault's lists.
import type { SeenName, VaultLookReply } from "@keyferry/contracts";
import { ownerTags } from "@keyferry/naming";
import { SecretValue, silentLogger, systemClock } from "@keyferry/ports";
import { DEFAULT_CLIENT_SECRET } from "@keyferry/key-vault-emulator";
import { eventually } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { lookAtVault } from "../src/look/look.ts";
import { AzureCredentials } from "../src/vaults/azure-credentials.ts";
import { type Pair, type SinkBench, startSinkBench } from "./support/sink-bench.ts";

let bench: SinkBench;
let pair: Pair;

const MANY = Array.from({ length: 60 }, (_, index) => ({ name: `free-${index}` }));
const NAMES = ["free", "Theirs", "sibling", "left", "gone", "certificate"].map((name) => ({ name }));
const SIBLING = "siblingassociation";

beforeAll(async () => {
  bench = await startSinkBench();
  pair = bench.pair();
  const vault = bench.keyVault(pair);
  const call = { signal: AbortSignal.timeout(20_000) };
  bench.knownAssociations.add(SIBLING);
  await bench.byHand(pair, "theirs", {}, "theirs");
  await bench.byHand(pair, "ours", tagsOf("sibling", SIBLING), "sibling");
  await bench.byHand(pair, "ours", tagsOf("left", "retiredassociation"), "left");
  await bench.byHand(pair, "theirs", {}, "gone");
  await vault.delete("gone", call);
  await eventually(async () => (await vault.deleted("gone", call)).kind === "deleted", {
    what: "the deletion to end",
  });
  bench.servers.emulator.putManaged(pair.vault, "certificate", "pem");
});

afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

function tagsOf(lowerName: string, association: string): Record<string, string> {
  const placement = { instanceId: "instanceaaaaa", vaultHost: `${pair.vault}.vault.azure.net`, lowerName };
  const mark = {
    association,
    fence: { epoch: 1, sequence: 1 },
    opId: "op1",
    sourceVersion: 1,
    digest: "k1.d",
  };
  return ownerTags({ ...placement, ...mark }, bench.dependencies().identity.tagKeys);
}

function look(
  names: readonly { readonly name: string }[],
  secret = DEFAULT_CLIENT_SECRET,
): Promise<VaultLookReply> {
  const { connection } = pair.destination;
  const credentials = new AzureCredentials({
    source: { readSecret: () => Promise.reject(new Error("not asked")) },
    ownMount: { namespace: "", mount: "keyferry" },
    environmentSecret: new SecretValue(secret),
    federatedTokenFile: undefined,
  });
  const { caFile, port } = bench.servers.emulator;
  const vaultOptions = { caFile, requestTimeoutMs: 5_000, emulator: { address: `127.0.0.1:${port}` } };
  return lookAtVault(
    { major: 1, kind: "names", destination: "kv", connection, names: [...names], waitMs: 20_000 },
    bench.dependencies(),
    { credentials, vaultOptions, clock: systemClock, logger: silentLogger },
  );
}

const told = (names: readonly SeenName[]): string[] =>
  names
    .filter(({ name }) => !name.startsWith("free-"))
    .map(({ name, there, mark }) => `${name} ${there} ${mark}`);

const SEEN = [
  "free absent free",
  "Theirs present none",
  "sibling present sibling",
  "left present ours",
  "gone deleted none",
  "certificate present managed",
];

test("few names are looked at one by one: whose each is, soft-deleted ones too, whatever the case", async () => {
  const { names, failure } = await look(NAMES);
  expect(failure).toBeNull();
  expect(told(names)).toEqual(SEEN);
});

test("many names are found in the vault's lists, with the same answer", async () => {
  const before = bench.calls(pair)["versions"] ?? 0;
  const { names } = await look([...MANY, ...NAMES]);
  expect(told(names)).toEqual(SEEN);
  expect(names).toHaveLength(MANY.length + NAMES.length);
  expect(bench.calls(pair)["versions"] ?? 0).toBe(before);
});

test("a login that fails is the answer, with what mends it", async () => {
  const { names, failure } = await look(NAMES, "wrong");
  expect(names).toEqual([]);
  expect(failure).toMatch(/^vault-credential: /);
});
