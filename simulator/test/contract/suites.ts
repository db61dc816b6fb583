// Owns: lists of calls whose answers the services rely on. Each runs on a model and on the real server; the answers,
// put into words that don't depend on time, have to be the same (contract.test.ts).
import type { Bus } from "@keyferry/bus";
import type { SyncCommand } from "@keyferry/contracts";
import type { KeyVault } from "@keyferry/key-vault";
import { SecretValue } from "@keyferry/ports";
import type { State } from "@keyferry/state";
import type { VaultClient } from "@keyferry/vault-client";

/** What a suite saw, in order. */
export type Transcript = string[];

const DESTINATION = "destinationaa";
const KEY = "aaaaaaaaaaaaaaaaaaaaaaaaaa";
const SECRET = { source: "main", namespace: "", mount: "kv", accessor: "kv_1", path: "app" };

function command(): SyncCommand {
  return {
    major: 1,
    epoch: 1,
    op: "sync",
    destination: DESTINATION,
    association: "aaaaaaaaaaaaa",
    secretKey: KEY,
    secret: SECRET,
    spec: { granularity: "secret-path", nameTemplate: "x", customTags: {} },
    expect: null,
    permit: null,
    reason: "source",
    resolvedFrom: { associationRevision: 0, stateSequence: 0 },
  };
}

/** JetStream, through the bus: compare-and-set over both lanes, naks, ack floors, buckets, views. */
export async function busSuite(bus: Bus, sleep: (ms: number) => Promise<void>): Promise<Transcript> {
  const seen: Transcript = [];
  const { commands, leases } = bus;
  seen.push(`empty: ${(await commands.last(DESTINATION, KEY)) === undefined}`);
  seen.push(`first: ${JSON.stringify(await commands.put(DESTINATION, KEY, "live", command(), 0))}`);
  seen.push(`other lane, 0: ${(await commands.put(DESTINATION, KEY, "bulk", command(), 0)).kind}`);
  seen.push(`other lane, 1: ${JSON.stringify(await commands.put(DESTINATION, KEY, "bulk", command(), 1))}`);
  seen.push(`same lane, 1: ${(await commands.put(DESTINATION, KEY, "live", command(), 1)).kind}`);
  const last = await commands.last(DESTINATION, KEY);
  seen.push(`last: ${last?.sequence} ${last?.lane}`);
  await commands.ensureConsumers(DESTINATION);
  const deliveries: string[] = [];
  const consumption = await commands.consume(
    DESTINATION,
    "bulk",
    async ({ entry }, { deliveryCount }) => {
      deliveries.push(`${entry.sequence}x${deliveryCount}`);
      return deliveryCount < 3 ? { kind: "retry", afterMs: 50 } : { kind: "ack" };
    },
    { concurrency: 4 },
  );
  for (let waited = 0; waited < 100 && deliveries.length < 3; waited += 1) await sleep(100);
  await consumption.close();
  await sleep(200);
  seen.push(`deliveries: ${deliveries.join(" ")}`);
  for (const lane of ["bulk", "live"] as const)
    seen.push(`progress of ${lane}: ${JSON.stringify(await commands.progress(DESTINATION, lane))}`);
  await commands.purge(DESTINATION, KEY);
  seen.push(`purged: ${(await commands.last(DESTINATION, KEY)) === undefined}`);
  seen.push(`after a purge, 2: ${(await commands.put(DESTINATION, KEY, "live", command(), 2)).kind}`);
  seen.push(
    `after a purge, 0: ${JSON.stringify(await commands.put(DESTINATION, KEY, "live", command(), 0))}`,
  );
  const lease = { major: 1 as const, holder: "a", counter: 1, released: false };
  seen.push(`bucket, new: ${(await leases.put("x", lease, 0)).kind}`);
  seen.push(`bucket, again: ${(await leases.put("x", lease, 0)).kind}`);
  const { revision } = await leases.read("x");
  seen.push(`bucket, delete: ${(await leases.delete("x", revision)).kind}`);
  const gone = await leases.read("x");
  seen.push(`bucket, deleted: ${gone.entry === undefined} ${gone.revision > revision}`);
  seen.push(`bucket, over a deletion: ${(await leases.put("x", lease, 0)).kind}`);
  const abort = new AbortController();
  const view = await bus.leases.watch(abort.signal);
  await view.caughtUp();
  seen.push(`view: ${[...view.entries()].map(([key, { value }]) => `${key} ${value.holder}`).join(", ")}`);
  await leases.put("y", { ...lease, holder: "b" }, 0);
  await view.caughtUp();
  seen.push(`view, later: ${view.get("y")?.value.holder} ${view.size}`);
  abort.abort();
  const info = await bus.streamInfo();
  seen.push(
    `streams: ${Object.entries(info)
      .map(([name, { lastSequence }]) => `${name} ${lastSequence}`)
      .join(", ")}`,
  );
  return seen;
}

/** Redis, through the state: locks, the waiting set, attempts, pacing. */
export async function stateSuite(state: State): Promise<Transcript> {
  const seen: Transcript = [];
  const { locks, later, attempts, pacing } = state;
  const lock = await locks.take("host", "name", 30_000);
  seen.push(
    `lock: ${lock !== undefined}, again: ${(await locks.take("host", "name", 30_000)) !== undefined}`,
  );
  if (lock !== undefined) {
    seen.push(`extended: ${(await locks.extend(lock, 40_000)) !== undefined}`);
    seen.push(
      `released: ${await locks.release(lock)}, twice: ${await locks.release(lock)}, extended: ${(await locks.extend(lock, 1)) !== undefined}`,
    );
  }
  await later.park(DESTINATION, KEY, 1_000);
  seen.push(`due early: ${(await later.claimDue(999, 10, 500)).length}`);
  const [claimed] = await later.claimDue(1_000, 10, 500);
  seen.push(
    `claimed: ${claimed?.key === KEY} ${claimed?.claim}, hidden: ${(await later.claimDue(1_499, 10, 500)).length}`,
  );
  await later.park(DESTINATION, KEY, 3_000);
  seen.push(
    `old claim: ${await later.unpark(DESTINATION, KEY, claimed?.claim ?? 0)}, any: ${await later.unpark(DESTINATION, KEY)}`,
  );
  const fence = { epoch: 1, sequence: 5 };
  const counts = [
    await attempts.count(DESTINATION, KEY, fence),
    await attempts.count(DESTINATION, KEY, fence),
  ];
  counts.push(await attempts.count(DESTINATION, KEY, { epoch: 1, sequence: 6 }));
  await attempts.clear(DESTINATION, KEY);
  counts.push(await attempts.count(DESTINATION, KEY, { epoch: 1, sequence: 6 }));
  seen.push(`attempts: ${counts.join(" ")}`);
  const vault = { host: "v" };
  seen.push(`new bucket: ${(await pacing.take(vault, "create", "live")).kind}`);
  const grant = await pacing.acquire(vault, "create", "live", new AbortController().signal);
  seen.push(`granted, probe: ${grant.probe}`);
  // Of another vault: ten tokens that were kept for long. Some are free, the others are charged, and then it owes.
  const other = await pacing.acquire({ host: "w" }, "create", "live", new AbortController().signal);
  for (let late = 0; late < 10; late += 1) {
    pacing.sent({ ...other, receivedAtMs: other.receivedAtMs - 10_000 });
  }
  // Nobody waits for a charge: on the models it may come after what was sent later.
  let owesAtLast = false;
  for (let asks = 0; asks < 20 && !owesAtLast; asks += 1) {
    const taken = await pacing.take({ host: "w" }, "create", "live");
    owesAtLast = taken.kind === "wait" && taken.ms === 71;
  }
  seen.push(`owes two tokens and more after late ones: ${owesAtLast}`);
  seen.push(
    `throttled: ${JSON.stringify(await pacing.throttled(grant))}, again: ${(await pacing.throttled(grant)).kind}`,
  );
  const paused = await pacing.take(vault, "other", "live");
  seen.push(`paused: ${paused.kind === "wait" ? paused.why : paused.kind}`);
  const probe = await pacing.acquire(vault, "create", "bulk", new AbortController().signal);
  seen.push(`after the pause, probe: ${probe.probe}`);
  await pacing.succeeded(probe);
  seen.push(`bucket after a pause: ${(await pacing.take(vault, "create", "live")).kind}`);
  return seen;
}

/** What a person does at the source. */
export interface SourceHand {
  write(path: string, value: string): Promise<void>;
  change(path: string, version: number, operation: "delete" | "undelete" | "destroy"): Promise<void>;
  deleteMetadata(path: string): Promise<void>;
}

/** KVv2, through the client: what metadata and versions show after each operation. */
export async function sourceSuite(source: VaultClient, hand: SourceHand, mount: string): Promise<Transcript> {
  const seen: Transcript = [];
  const secret = { namespace: "", mount, path: "app/db" };
  const incarnations: string[] = [];
  const look = async (what: string): Promise<void> => {
    const read = await source.readMetadata(secret);
    if (read.kind === "absent") return void seen.push(`${what}: absent`);
    const { current, oldest, versions, incarnation } = read.state;
    if (!incarnations.includes(incarnation)) incarnations.push(incarnation);
    const shown = Object.entries(versions).map(([number, { live, destroyed, deletionTime }]) => {
      return `${number}${live ? " live" : ""}${destroyed ? " destroyed" : ""}${deletionTime === "" ? "" : " deleted"}`;
    });
    seen.push(
      `${what}: incarnation ${incarnations.indexOf(incarnation)}, ${current} of ${oldest}: ${shown.join(", ")}`,
    );
  };
  const version = async (number: number): Promise<void> => {
    const read = await source.readVersion(secret, number);
    seen.push(
      `version ${number}: ${read.kind === "live" ? read.data.reveal().replaceAll(" ", "") : read.kind}`,
    );
  };
  await look("nothing");
  for (const value of ["one", "two", "three"]) await hand.write("app/db", value);
  await look("written");
  await version(2);
  await version(9);
  await hand.change("app/db", 3, "delete");
  await look("deleted");
  await version(3);
  await hand.change("app/db", 3, "undelete");
  await look("undeleted");
  await hand.change("app/db", 2, "destroy");
  await hand.change("app/db", 2, "undelete");
  await look("destroyed");
  await version(2);
  for (let count = 0; count < 9; count += 1) await hand.write("app/db", "more");
  await look("pruned");
  await version(1);
  await hand.deleteMetadata("app/db");
  await look("gone");
  await version(1);
  await hand.write("app/db", "anew");
  await look("made anew");
  const paths: string[] = [];
  for await (const page of source.walkMetadata({ namespace: "", mount }, { limit: 10 }))
    paths.push(...page.items.map(({ path }) => path));
  seen.push(`walked: ${paths.join(" ")}`);
  seen.push(`other mount: ${(await source.mountOf({ namespace: "", path: "nowhere" })).kind}`);
  seen.push(`read there: ${await codeOf(source.readMetadata({ ...secret, mount: "nowhere" }))}`);
  return seen;
}

/** Key Vault, through the client: conflicts, soft deletion, versions. */
export async function vaultSuite(vault: KeyVault, sleep: (ms: number) => Promise<void>): Promise<Transcript> {
  const seen: Transcript = [];
  const call = { signal: new AbortController().signal };
  const put = (value: string) =>
    vault.put("Name-One", { value: new SecretValue(value), tags: { v: value } }, call);
  const kindOf = (end: { kind: string; reason?: string }): string =>
    `${end.kind}${end.reason === undefined ? "" : ` ${end.reason}`}`;
  const look = async (what: string): Promise<void> => {
    const { versions } = await vault.versions("name-one", { ...call, pagesMax: 20 });
    seen.push(
      `${what}: ${
        versions
          .map(({ tags, enabled }) => `${tags["v"]}${enabled ? "" : " off"}`)
          .sort()
          .join(", ") || "nothing"
      }`,
    );
  };
  await look("nothing");
  seen.push(`delete: ${kindOf(await vault.delete("name-one", call))}`);
  const first = await put("a");
  await put("b");
  await look("two versions");
  if (first.kind === "put") {
    seen.push(
      `patch: ${kindOf(await vault.patch("name-one", first.version, { tags: { v: "a2" }, enabled: false }, call))}`,
    );
  }
  seen.push(`patch of none: ${kindOf(await vault.patch("name-one", "0".repeat(32), { tags: {} }, call))}`);
  await look("patched");
  seen.push(`deleted: ${kindOf(await vault.delete("name-one", call))}`);
  seen.push(
    `put at once: ${kindOf(await put("c"))}, recover: ${kindOf(await vault.recover("name-one", call))}`,
  );
  await look("being deleted");
  await sleep(1_500);
  seen.push(`put: ${kindOf(await put("c"))}, deleted again: ${kindOf(await vault.delete("name-one", call))}`);
  const gone = await vault.deleted("name-one", call);
  seen.push(`as deleted: ${gone.kind === "deleted" ? gone.tags["v"] : gone.kind}`);
  seen.push(`recover: ${kindOf(await vault.recover("name-one", call))}, put: ${kindOf(await put("c"))}`);
  await sleep(2_500);
  seen.push(`put after: ${kindOf(await put("c"))}`);
  await look("recovered");
  const names: string[] = [];
  for await (const page of vault.list(call))
    names.push(...page.map(({ name, tags }) => `${name.toLowerCase()} ${tags["v"]}`));
  seen.push(`list: ${names.join(", ")}`);
  return seen;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "no error";
  } catch (error) {
    return (error as { code?: string }).code ?? "unknown";
  }
}
