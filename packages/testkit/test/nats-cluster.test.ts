// Three nodes form one JetStream cluster that outlives any one of them.

import { expect, test } from "vitest";
import { startNatsCluster } from "../src/index.ts";
import { natsRequest } from "../src/nats-request.ts";

test("a stream of three replicas outlives the meta leader's kill -9, and the node comes back", async () => {
  await using cluster = await startNatsCluster();
  const leader = await cluster.metaLeader();
  const config = { name: "KEPT", subjects: ["kept"], num_replicas: 3 };
  expect(await natsRequest(leader.port, "$JS.API.STREAM.CREATE.KEPT", config)).toMatchObject({ config });
  expect(await natsRequest(leader.port, "kept", {})).toMatchObject({ stream: "KEPT", seq: 1 });
  await leader.kill();
  const next = await cluster.metaLeader(2);
  expect(next.name).not.toBe(leader.name);
  await leader.restart();
  await cluster.metaLeader(3);
  expect(await natsRequest(leader.port, "$JS.API.STREAM.INFO.KEPT", {})).toMatchObject({
    state: { messages: 1 },
  });
});
