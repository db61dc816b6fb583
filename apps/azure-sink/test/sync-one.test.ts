// What one command does to one Key Vault name, with every fault that can come between: judged by the emulator's log.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type SinkBench, startSinkBench } from "./support/sink-bench.ts";

let bench: SinkBench;

beforeAll(async () => {
  bench = await startSinkBench();
});

afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

test("P4: a change of a name of ours costs one write and no read, and an unchanged one nothing", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  expect((await bench.sync(pair)).outcome).toMatchObject({ kind: "synced", version: 1, wrote: true });
  const before = bench.calls(pair);
  await bench.write(pair, { a: "2" });
  await bench.sync(pair);
  const after = bench.calls(pair);
  expect(after["set"]).toBe((before["set"] ?? 0) + 1);
  expect({ ...after, set: 0 }).toEqual({ ...before, set: 0 });
  expect((await bench.sync(pair)).outcome).toMatchObject({ kind: "synced", wrote: false });
  expect(bench.calls(pair)).toEqual(after);
  expect(bench.value(pair)).toBe('{"a":"2"}');
});

test("value-fidelity: numbers arrive as they were written, keys in the order of their bytes", async () => {
  const pair = bench.pair();
  await bench.write(pair, { z: 1.5, a: "<&>", b: { y: null, x: [true] } });
  await bench.sync(pair);
  expect(bench.value(pair)).toBe('{"a":"<&>","b":{"x":[true],"y":null},"z":1.5}');
});

test("a change of custom tags alone is a patch: no new version", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  const spec = { ...pair.destination.spec, customTags: { team: "blue" } };
  expect((await bench.sync(pair, { spec })).outcome).toMatchObject({ kind: "synced", wrote: true });
  expect(bench.writes(pair)).toBe(1);
  const [secret] = bench.servers.emulator.state(pair.vault);
  expect(secret?.versions.at(-1)?.tags).toMatchObject({ team: "blue" });
});

test("a repeat of a command that was consumed does nothing, with Redis or without its copy", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  const command = await bench.command(pair);
  const sequence = await bench.publish(command);
  await bench.run(command, sequence);
  const calls = bench.calls(pair);
  await bench.run(command, sequence);
  await bench.state.records.forget(command.destination, command.secretKey);
  await bench.run(command, sequence);
  expect(bench.calls(pair)).toEqual(calls);
});

test("P2: a command that a newer one has overtaken writes nothing", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  const older = await bench.command(pair);
  const olderSequence = await bench.publish(older);
  await bench.write(pair, { a: "2" });
  await bench.sync(pair);
  expect(await bench.run(older, olderSequence)).toEqual({ kind: "consumed" });
  expect(bench.writes(pair)).toBe(1);
  expect(bench.value(pair)).toBe('{"a":"2"}');
});

test("crash-between-put-and-record: a write whose answer was lost is looked up, not repeated", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  bench.servers.emulator.faults.add({
    fault: { kind: "reset-after" },
    operations: ["set"],
    vault: pair.vault,
    count: 1,
  });
  const command = await bench.command(pair);
  await bench.run(command, await bench.publish(command));
  expect((await bench.record(command)).outcome).toMatchObject({
    kind: "waiting",
    error: { code: "answer-lost" },
  });
  expect(bench.writes(pair)).toBe(1);
  const record = await bench.wakeUntil(command, "synced");
  expect(bench.writes(pair)).toBe(1);
  expect(record.names["app"]).toMatchObject({ state: "live", applied: { version: 1 }, intent: null });
}, 60_000);

test("a write that Azure failed at is looked up and tried again, and leaves one version", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  const fault = { kind: "error", status: 503, code: "ServiceUnavailable" } as const;
  bench.servers.emulator.faults.add({ fault, operations: ["set"], vault: pair.vault, count: 1 });
  const record = await bench.sync(pair);
  expect(record.outcome).toMatchObject({
    kind: "waiting",
    attempts: 1,
    error: { class: "external-service" },
  });
  await bench.wakeUntil(record, "synced");
  expect(bench.writes(pair)).toBe(1);
}, 60_000);

test("P3: a name with somebody else's secret is refused and left as it is", async () => {
  const pair = bench.pair();
  bench.servers.emulator.putManaged(pair.vault, "app", "theirs");
  await bench.write(pair, { a: "1" });
  const record = await bench.sync(pair);
  expect(record.outcome).toMatchObject({ kind: "refused", error: { code: "foreign-owner" } });
  expect(bench.value(pair)).toBe("theirs");
  // Nor is it deleted when the association goes.
  await bench.sync(pair, { op: "unsync", expect: null, permit: { by: "person" }, reason: "remove" });
  expect(bench.value(pair)).toBe("theirs");
});

test("name-collision: a name that another association holds is waited for, and had when it is free", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  const other = { ...pair, association: bench.pair().association, path: `${pair.path}-other` };
  await bench.write(other, { b: "1" });
  const record = await bench.sync(other);
  expect(record.outcome).toMatchObject({ kind: "waiting", error: { code: "name-taken" } });
  expect(bench.value(pair)).toBe('{"a":"1"}');
  await bench.sync(pair, { op: "unsync", expect: null, permit: { by: "person" }, reason: "remove" });
  bench.knownAssociations.delete(pair.association);
  await bench.wakeUntil(record, "synced");
  expect(bench.value(pair)).toBe('{"b":"1"}');
}, 60_000);

test("a secret of ours that is soft-deleted is recovered and written again, never a foreign one", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  const unsync = { op: "unsync", expect: null, permit: { by: "person" }, reason: "remove" } as const;
  expect((await bench.sync(pair, unsync)).outcome).toMatchObject({ kind: "unsynced", wrote: true });
  expect(bench.value(pair)).toBeUndefined();
  const record = await bench.sync(pair, { reason: "set" });
  await bench.wakeUntil(record, "synced");
  expect(bench.value(pair)).toBe('{"a":"1"}');
  expect(bench.servers.emulator.oracle.effects({ vault: pair.vault, kind: "recover" })).toHaveLength(1);
}, 60_000);

test("unsync-without-source: a person's unsync works with the source gone for good", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  const unreachable = () => Promise.reject(new Error("the source was asked"));
  const command = await bench.command(pair, {
    op: "unsync",
    expect: null,
    permit: { by: "person" },
    reason: "remove",
  });
  await bench.run(command, await bench.publish(command), {
    deps: { source: { readMetadata: unreachable, readVersion: unreachable } },
  });
  expect((await bench.record(command)).outcome?.kind).toBe("unsynced");
  expect(bench.value(pair)).toBeUndefined();
});

test("mass-delete: a source-driven unsync without a permit is held, with one it deletes", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  await bench.api.deleteSecret("secret", pair.path);
  const held = await bench.sync(pair, { op: "unsync" });
  expect(held.outcome).toMatchObject({ kind: "held", error: { code: "held-for-approval" } });
  expect(bench.value(pair)).toBe('{"a":"1"}');
  const permit = { by: "budget", fingerprint: "f" } as const;
  expect((await bench.sync(pair, { op: "unsync", permit })).outcome).toMatchObject({
    kind: "unsynced",
    wrote: true,
  });
});

test("unsync-meets-newer-live: a permitted unsync does not delete a secret that has come back", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  await bench.api.deleteSecret("secret", pair.path);
  const permit = { by: "budget", fingerprint: "f" } as const;
  const command = await bench.command(pair, { op: "unsync", permit });
  const sequence = await bench.publish(command);
  await bench.write(pair, { a: "2" });
  expect((await bench.run(command, sequence)).kind).toBe("again");
  expect(bench.value(pair)).toBe('{"a":"1"}');
});

test("standby-one-behind: a sync whose read shows less than its command is not consumed", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  const behind = await bench.command(pair);
  await bench.write(pair, { a: "2" });
  const command = await bench.command(pair);
  const stale = await bench.source.readMetadata(behind.secret);
  if (stale.kind !== "present") throw new Error("the secret is missing");
  const old = {
    ...stale,
    state: { ...stale.state, current: 1, versions: { "1": stale.state.versions["1"] } },
  };
  const readMetadata = async () => old as typeof stale;
  const source = { readMetadata, readVersion: bench.source.readVersion.bind(bench.source) };
  const end = await bench.run(command, await bench.publish(command), { deps: { source } });
  expect(end.kind).toBe("again");
  expect(bench.writes(pair)).toBe(0);
});

test("redis-flush-mid-run: with Redis emptied between two runs nothing is written twice", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  const command = await bench.command(pair);
  const sequence = await bench.publish(command);
  await bench.run(command, sequence);
  await bench.servers.redis.kill();
  await bench.servers.redis.restart();
  await expect.poll(() => bench.state.status().connected).toBe(true);
  await bench.run(command, sequence);
  expect((await bench.sync(pair)).outcome).toMatchObject({ kind: "synced", wrote: false });
  expect(bench.writes(pair)).toBe(1);
});

test("redis-failover-stale-record: a copy from before is found out by the intent's compare-and-set", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  const command = await bench.command(pair);
  const stale = await bench.state.records.get(command.destination, command.secretKey);
  await bench.write(pair, { a: "2" });
  await bench.sync(pair);
  await bench.state.records.forget(command.destination, command.secretKey);
  if (stale !== undefined) await bench.state.records.remember(command.destination, command.secretKey, stale);
  await bench.write(pair, { a: "3" });
  expect((await bench.sync(pair)).outcome).toMatchObject({ kind: "synced", version: 3 });
  expect(bench.writes(pair)).toBe(3);
  expect(bench.value(pair)).toBe('{"a":"3"}');
});

test("two sinks with one command write once", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  const command = await bench.command(pair);
  const sequence = await bench.publish(command);
  await Promise.all([
    bench.run(command, sequence),
    bench.run(command, sequence),
    bench.run(command, sequence),
  ]);
  await bench.run(command, sequence);
  expect(bench.writes(pair)).toBe(1);
});

test("a sink that dies after its intent leaves a finder that waits, looks, and then writes", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  const command = await bench.command(pair);
  const sequence = await bench.publish(command);
  // Dies between intent and write: reading the value never ends well.
  const dying = bench.results.append.bind(bench.results);
  let appends = 0;
  const results = {
    last: bench.results.last.bind(bench.results),
    append: async (...args: Parameters<typeof dying>) => {
      appends += 1;
      if (appends > 1) throw new Error("killed");
      return dying(...args);
    },
  };
  const readVersion = () => Promise.reject(new Error("killed"));
  const source = { readMetadata: bench.source.readMetadata.bind(bench.source), readVersion };
  await bench.run(command, sequence, { deps: { results, source } }).catch(() => undefined);
  const open = await bench.record(command);
  expect(open.names["app"]?.intent).toMatchObject({ action: "put" });
  expect(bench.writes(pair)).toBe(0);

  await bench.run(command, sequence);
  const waiting = await bench.record(command);
  expect(waiting.outcome).toMatchObject({ kind: "waiting", error: { code: "answer-lost" } });
  await bench.wakeUntil(command, "synced");
  expect(bench.writes(pair)).toBe(1);
}, 60_000);

test("permission-granted-later: a 403 waits for ever, and is over when the role is there", async () => {
  const pair = bench.pair();
  const { emulator } = bench.servers;
  await bench.write(pair, { a: "1" });
  const denied = { kind: "error", status: 403, code: "Forbidden", innerCode: "ForbiddenByRbac" } as const;
  const rule = emulator.faults.add({ fault: denied, operations: ["set"], vault: pair.vault });
  const record = await bench.sync(pair);
  expect(record.outcome).toMatchObject({
    kind: "waiting",
    error: { code: "vault-denied", class: "client-side" },
  });
  rule.remove();
  await bench.wakeUntil(record, "synced");
}, 60_000);

test("a value that Key Vault can't hold is refused before it is sent, and says what to do", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "x".repeat(26_000) });
  const record = await bench.sync(pair);
  expect(record.outcome).toMatchObject({
    kind: "refused",
    error: { code: "value-too-large", advice: expect.stringContaining("25,600") },
  });
  expect(bench.writes(pair)).toBe(0);
  // The next version, which fits, is written.
  await bench.write(pair, { a: "x" });
  expect((await bench.sync(pair)).outcome).toMatchObject({ kind: "synced", version: 2 });
});

test("secret-key: every key is a name of its own; a dropped one is held until it is permitted", async () => {
  const pair = bench.pair("{{ .SecretBaseName }}-{{ .SecretKey }}");
  const spec = { ...pair.destination.spec, granularity: "secret-key" as const };
  await bench.write(pair, { a: "1", b: "2" });
  const first = await bench.sync(pair, { spec });
  expect(first.outcome).toMatchObject({ kind: "synced" });
  expect(Object.values(first.names).map(({ name, subKey }) => [name, subKey])).toEqual([
    [`${pair.path}-a`, "a"],
    [`${pair.path}-b`, "b"],
  ]);
  expect(bench.value(pair, `${pair.path}-a`)).toBe("1");
  expect(bench.value(pair, `${pair.path}-b`)).toBe("2");
  await bench.write(pair, { b: "3", c: "4" });
  expect((await bench.sync(pair, { spec })).outcome).toMatchObject({ kind: "held" });
  expect(bench.value(pair, `${pair.path}-a`)).toBe("1");
  expect(bench.value(pair, `${pair.path}-b`)).toBe("3");
  expect(bench.value(pair, `${pair.path}-c`)).toBe("4");
  const permit = { by: "budget", fingerprint: "f" } as const;
  expect((await bench.sync(pair, { spec, permit })).outcome).toMatchObject({ kind: "synced" });
  expect(bench.value(pair, `${pair.path}-a`)).toBeUndefined();
});

test("a changed template writes the new name and then deletes the old one", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  const spec = { ...pair.destination.spec, nameTemplate: "renamed" };
  await bench.sync(pair, { spec, reason: "set" });
  expect(bench.value(pair, "renamed")).toBe('{"a":"1"}');
  expect(bench.value(pair, "app")).toBeUndefined();
});

test("one-burst-ten-429: whoever holds a paused vault's only permit does not wait for another", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  const fault = { kind: "error", status: 429, code: "Throttled", retryAfterSeconds: 0.1 } as const;
  bench.servers.emulator.faults.add({ fault, operations: ["set"], vault: pair.vault, count: 1 });
  const record = await bench.sync(pair);
  expect(record.outcome).toMatchObject({ kind: "waiting", error: { code: "vault-throttled" } });
  const { pacing } = bench.state;
  let probesOut = 0;
  const asks: number[] = [];
  const watched: Pick<typeof pacing, "acquire" | "sent" | "succeeded" | "throttled" | "giveBack"> = {
    async acquire(...args) {
      asks.push(probesOut);
      const grant = await pacing.acquire(...args);
      if (grant.probe) probesOut += 1;
      return grant;
    },
    async succeeded(grant) {
      if (grant.probe) probesOut -= 1;
      return pacing.succeeded(grant);
    },
    sent: (grant) => pacing.sent(grant),
    throttled: (...args) => pacing.throttled(...args),
    giveBack: (...args) => pacing.giveBack(...args),
  };
  const last = await bench.bus.commands.last(record.destination, record.secretKey);
  if (last === undefined) throw new Error("the command is missing");
  const memory = { ...bench.state, pacing: watched as typeof pacing };
  await bench.run(last.value, last.sequence, { isWoken: true, deps: { memory } });
  expect((await bench.record(record)).outcome).toMatchObject({ kind: "synced" });
  expect(asks).toEqual([0]);
});

test("cold-client-burst: no value has ever come without a token", () => {
  expect(bench.servers.emulator.oracle.leaks()).toEqual([]);
});
