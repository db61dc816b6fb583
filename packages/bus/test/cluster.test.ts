// Three nodes: what a leader's death does to a consumer and to the compare-and-set.
import { eventually } from "@keyferry/testkit";
import { expect, test } from "vitest";
import { command, DESTINATION, keyNumber, lookBehind, openBus } from "./world.ts";
import { startNatsCluster } from "@keyferry/testkit";

/** With the client's own defaults a consumer is silent for some 40 s. */
const SILENCE_MS_MAX = 25_000;

test("leader-kill-stalls-consumer, cas-lost-or-unknown: after kill -9 of the leader commands go on, each row is written once", async () => {
  await using cluster = await startNatsCluster();
  await using bus = await openBus(cluster.urls, 3);
  await bus.provision();
  await bus.commands.ensureConsumers(DESTINATION);
  const seen = new Set<string>();
  await using _consumption = await bus.commands.consume(
    DESTINATION,
    "live",
    async ({ key }) => {
      seen.add(key);
      return { kind: "ack" };
    },
    { concurrency: 4 },
  );
  const put = async (index: number) => {
    const key = keyNumber(index);
    return bus.commands.put(DESTINATION, key, "live", command(key), 0);
  };
  await put(1);
  await eventually(() => seen.has(keyNumber(1)), { what: "the first command" });

  const contested = await Promise.all(Array.from({ length: 20 }, () => put(2)));
  expect(contested.filter(({ kind }) => kind === "stored")).toHaveLength(1);

  const behind = await lookBehind(cluster.urls);
  const { cluster: group } = await behind.jsm.streams.info("SYNC_DESIRED");
  await behind[Symbol.asyncDispose]();
  const leader = cluster.nodes.find(({ name }) => name === group?.leader);
  await leader?.kill();
  await eventually(
    async () => {
      const result = await put(3).catch(() => undefined);
      // Stored by an earlier try whose answer was lost: that one's own body was there.
      return result !== undefined;
    },
    { what: "a command to be stored", timeoutMs: SILENCE_MS_MAX },
  );
  await eventually(() => seen.has(keyNumber(3)), { what: "the command", timeoutMs: SILENCE_MS_MAX });
  expect(leader).toBeDefined();
}, 120_000);
