import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Delivery, placeInStream, Puller } from "./pull.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

function world() {
  const asked: { batch: number; reply: string }[] = [];
  const taken: Delivery[] = [];
  let receive: (error: Error | null, message: Msg) => void = () => undefined;
  const connection = {
    subscribe(_subject: string, { callback }: { callback: typeof receive }) {
      receive = callback;
      return { drain: () => new Promise<void>(() => undefined), unsubscribe: () => undefined };
    },
    publish(_subject: string, body: string, { reply }: { reply: string }) {
      asked.push({ batch: (JSON.parse(body) as { batch: number }).batch, reply });
    },
  } as unknown as NatsConnection;
  const timing = { expiresMs: 5_000, idleHeartbeatMs: 1_000 };
  const take = (message: Delivery): void => void taken.push(message);
  const puller = new Puller({ connection, stream: "S", durable: "d", ...timing, take });
  const message = (fields: object): void => receive(null, { subject: "s.1", ...fields } as unknown as Msg);
  return {
    puller,
    asked,
    taken,
    deliver: (seq: number) => message({ reply: `$JS.ACK.S.d.2.${seq}.9.1700000000123456789.0` }),
    say: (code: number, description = "", to = asked.at(-1)?.reply) =>
      message({ subject: to, headers: { code, description } }),
  };
}

test("a pull is over when all that was asked for has come", async () => {
  const { puller, asked, taken, deliver } = world();
  const pull = puller.pull(2);
  expect(asked).toMatchObject([{ batch: 2 }]);
  deliver(7);
  deliver(8);
  await pull;
  expect(taken).toMatchObject([
    { seq: 7, deliveryCount: 2, storedAt: 1_700_000_000_123 },
    { seq: 8, deliveryCount: 2 },
  ]);
});

test("a pull is over when its time is, and a status of an earlier pull is not its own", async () => {
  const { puller, asked, say } = world();
  const first = puller.pull(5);
  const [{ reply } = { reply: "" }] = asked;
  puller.end();
  await first;
  const second = puller.pull(5);
  const over = vi.fn();
  void second.then(over);
  say(408, "Request Timeout", reply);
  await vi.advanceTimersByTimeAsync(0);
  expect(over).not.toHaveBeenCalled();
  say(408, "Request Timeout");
  await second;
});

test("heartbeats keep a pull waiting, silence ends it", async () => {
  const { puller, say } = world();
  const pull = puller.pull(1);
  const failed = vi.fn();
  pull.catch(failed);
  for (let beat = 0; beat < 4; beat += 1) {
    await vi.advanceTimersByTimeAsync(2_000);
    say(100, "Idle Heartbeat");
  }
  expect(failed).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(2_600);
  expect(failed.mock.calls).toMatchObject([[{ code: "bus-unreachable" }]]);
});

test.each([
  [409, "Consumer Deleted"],
  [409, "Leadership Change"],
  [503, ""],
])("a pull that the server ends with %d %s has failed", async (code, description) => {
  const { puller, say } = world();
  const pull = puller.pull(1);
  say(code, description);
  await expect(pull).rejects.toMatchObject({ code: "bus-unreachable" });
});

test("a message that comes after its pull has failed is taken, and sets no timer again", async () => {
  const { puller, taken, say, deliver } = world();
  const pull = puller.pull(3);
  say(409, "Leadership Change");
  await expect(pull).rejects.toMatchObject({ code: "bus-unreachable" });
  deliver(1);
  expect(taken).toHaveLength(1);
  expect(vi.getTimerCount()).toBe(0);
});

test("a drain ends in bounded time, also without a connection", async () => {
  const { puller } = world();
  const drained = vi.fn();
  void puller.drain().then(drained);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(drained).toHaveBeenCalledOnce();
});

test.each([
  ["$JS.ACK.S.d.3.44.5.1700000000123456789.0", { deliveryCount: 3, seq: 44, storedAt: 1_700_000_000_123 }],
  [
    "$JS.ACK.dom.hash.S.d.1.2.3.1700000000000000000.9.rnd",
    { deliveryCount: 1, seq: 2, storedAt: 1_700_000_000_000 },
  ],
  ["_INBOX.abc.1", undefined],
  ["", undefined],
])("the place of %j", (reply, place) => {
  expect(placeInStream(reply)).toEqual(place);
});
