// Random histories of one pair against real servers: versions, deletes, associations that come and go, renames, other
// people, faults of Key Vault, sinks that die, a Redis that forgets. Judged by the emulator alone.
// KF_PROP_RUNS and KF_PROP_SEED repeat a run.
import type { DestinationPolicy } from "@keyferry/contracts";
import { readOwner } from "@keyferry/naming";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeEvent, type Event, histories, History, policies } from "./support/history.ts";
import { type SinkBench, startSinkBench } from "./support/sink-bench.ts";

const PARAMETERS = {
  numRuns: Number(process.env["KF_PROP_RUNS"] ?? 40),
  ...(process.env["KF_PROP_SEED"] === undefined ? {} : { seed: Number(process.env["KF_PROP_SEED"]) }),
  // Real servers: a failing history is shortened for a while and then shown as it is.
  interruptAfterTimeLimit: Number(process.env["KF_PROP_TIME_MS"] ?? 50_000),
  markInterruptAsFailure: false,
};

let bench: SinkBench;

beforeAll(async () => {
  bench = await startSinkBench({ requestTimeoutMs: 400 });
});

afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

function markOf(history: History, name: string, tags: Readonly<Record<string, string>>) {
  const { instanceId, tagKeys } = bench.dependencies().identity;
  const vaultHost = `${history.pair.vault}.vault.azure.net`;
  return readOwner(tags, { instanceId, vaultHost, lowerName: name.toLowerCase() }, tagKeys);
}

/** P1: the vault holds the wish, and nothing else of ours that can be read. */
function expectConverged(history: History, outcome: string): void {
  const { pair, version, wished, foreign, squatted } = history;
  const secrets = bench.servers.emulator.state(pair.vault, { reveal: true });
  const active = secrets.filter(({ phase }) => phase === "active");
  const lower = wished.name.toLowerCase();
  const isRefusing = (pair.destination.policy?.ownership ?? "refuse") === "refuse";
  const isTaken = foreign.has(lower) || (isRefusing && squatted.has(lower));
  const isReadable = ({ name, versions }: (typeof active)[number]): boolean =>
    versions.some(({ enabled, tags }) => enabled && markOf(history, name, tags).kind === "ours");
  if (version === undefined) {
    expect(outcome).toBe("unsynced");
    expect(active.filter(isReadable)).toEqual([]);
    return;
  }
  if (isTaken) {
    expect(outcome).toBe("refused");
    return;
  }
  expect(outcome).toBe("synced");
  const here = active.find(({ name }) => name.toLowerCase() === lower);
  expect(active.filter((secret) => secret !== here && isReadable(secret))).toEqual([]);
  expect(here?.value).toBe(history.valueOf(version));
  const last = here?.versions.at(-1);
  expect(last?.tags).toMatchObject({ team: wished.team });
  expect(last?.tags["zone"]).toBe(wished.settings === "tagged" ? "x" : undefined);
  expect(last?.enabled).toBe(wished.settings !== "disabled");
}

/** P2: per name, no write of an earlier command after one of a later, but for calls that landed late. */
function expectForward(history: History): void {
  const last = new Map<string, number>();
  let backwards = 0;
  for (const effect of bench.servers.emulator.oracle.writes(history.pair.vault)) {
    const lowerName = effect.name.toLowerCase();
    const owner = markOf(history, lowerName, effect.tags);
    if (owner.kind === "none" && history.squatted.has(lowerName)) continue;
    expect(owner.kind).toBe("ours");
    const sequence = owner.kind === "ours" ? owner.fence.sequence : 0;
    if (sequence < (last.get(lowerName) ?? 0)) backwards += 1;
    else last.set(lowerName, sequence);
  }
  expect(backwards, "writes that went backwards").toBeLessThanOrEqual(history.landed);
}

/** P3: what somebody else made is as they made it. */
function expectForeignUntouched(history: History): void {
  const secrets = bench.servers.emulator.state(history.pair.vault, { reveal: true });
  for (const name of history.foreign) {
    const secret = secrets.find((one) => one.name.toLowerCase() === name);
    expect(secret).toMatchObject({ phase: "active", value: "theirs", managed: true });
    expect(secret?.versions).toHaveLength(1);
  }
  if ((history.pair.destination.policy?.ownership ?? "refuse") !== "refuse") return;
  for (const name of history.squatted) {
    const secret = secrets.find((one) => one.name.toLowerCase() === name);
    expect(secret).toMatchObject({ phase: "active", value: "theirs" });
    expect(secret?.versions).toMatchObject([{ enabled: true, tags: {} }]);
  }
}

async function judge(events: readonly Event[], policy: DestinationPolicy): Promise<void> {
  const history = new History(bench, policy);
  try {
    await history.play({ do: "write" });
    for (const event of events) await history.play(event);
    const outcome = await history.settle();
    expectConverged(history, outcome);
    expectForward(history);
    expectForeignUntouched(history);
    // P4. What landed late is a version, and so is its repair.
    const most = history.changes + history.landed + history.repaired;
    const writes = bench.servers.emulator.oracle.writes(history.pair.vault).length;
    const versions = writes - history.squatted.size;
    expect(versions, "versions against changes of the wish").toBeLessThanOrEqual(most);
    expect(bench.servers.emulator.oracle.leaks()).toEqual([]);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const effects = bench.servers.emulator.oracle
      .effects({ vault: history.pair.vault })
      .map(({ kind, name, version }) => `${kind} ${name} ${version.slice(0, 6)}`);
    const parts = [
      `Policy: ${JSON.stringify(policy)}`,
      "History:",
      ...history.log,
      "Effects in the vault:",
      ...effects,
      "Why:",
      why,
    ];
    throw new Error(parts.join("\n  "), { cause: error });
  }
}

test("P1 P2 P3 P4: after any history the vault holds the wish, each change of it once, and nothing foreign is touched", async () => {
  const property = fc.asyncProperty(histories, policies, judge);
  await fc.assert(property, PARAMETERS);
}, 300_000);

test("a history reads as a person would tell it", () => {
  expect(describeEvent({ do: "kill", step: 3, afterEffect: true })).toBe("kill step=3 afterEffect=true");
});
