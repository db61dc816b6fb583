import { silentLogger, systemClock, systemRandom } from "@keyferry/ports";
import type { JsMsg } from "@nats-io/jetstream";
import { afterEach, expect, test, vi } from "vitest";
import { ACK_WAIT_MS, type ConsumeRequest, startConsumption } from "./consume.ts";

interface FakeMessage {
  readonly acked: ReturnType<typeof vi.fn>;
  readonly nakked: ReturnType<typeof vi.fn>;
  readonly working: ReturnType<typeof vi.fn>;
}

afterEach(() => {
  vi.useRealTimers();
});

/** A durable with these messages in it; what was pulled is counted. */
function world(count: number, handle: ConsumeRequest["handle"]) {
  const messages = Array.from({ length: count }, () => ({
    acked: vi.fn(),
    nakked: vi.fn(),
    working: vi.fn(),
  }));
  const queue = [...messages];
  const stop = new AbortController();
  const consumer = {
    async fetch({ max_messages: most }: { max_messages: number }) {
      const batch = queue.splice(0, most);
      const closed = Promise.withResolvers<void>();
      return {
        close: async () => closed.resolve(),
        async *[Symbol.asyncIterator]() {
          for (const one of batch) yield messageOf(one);
          // As a pull that waits for more.
          await closed.promise;
        },
      };
    },
  };
  const link = {
    signal: stop.signal,
    connected: async () => ({ js: { consumers: { get: async () => consumer } } }),
    turn: async () => undefined,
  };
  const ports = { logger: silentLogger, clock: systemClock, random: systemRandom };
  const request = { link, stream: "S", durable: "d", handle, ...ports } as unknown as ConsumeRequest;
  return { messages, queue, request };
}

function messageOf({ acked, nakked, working }: FakeMessage): JsMsg {
  const message = {
    headers: undefined,
    info: { deliveryCount: 1 },
    ack: acked,
    nak: nakked,
    working,
  };
  return message as unknown as JsMsg;
}

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 200; turn += 1) await Promise.resolve();
};

test("token-wait-beyond-ack-wait: what was pulled is kept alive, in hand or waiting, for as long as it takes", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const gate = Promise.withResolvers<void>();
  const { messages, queue, request } = world(40, async () => {
    await gate.promise;
    return { kind: "ack" };
  });
  const consumption = startConsumption(request, { concurrency: 2 });
  await settled();
  // Two in hand, eight ahead: no more than that.
  const pulled = messages.slice(0, 10);
  expect(queue).toHaveLength(30);
  vi.advanceTimersByTime(3 * ACK_WAIT_MS);
  const least = (3 * ACK_WAIT_MS) / 20_000;
  for (const { working } of pulled) expect(working.mock.calls.length).toBeGreaterThanOrEqual(least);
  gate.resolve();
  await consumption.close();
});

test("stop-leaves-unacked: at a close what was not begun goes back at once, and what was begun is finished", async () => {
  const gate = Promise.withResolvers<void>();
  const { messages, request } = world(5, async () => {
    await gate.promise;
    return { kind: "ack" };
  });
  const consumption = startConsumption(request, { concurrency: 2 });
  await settled();
  const closing = consumption.close();
  await settled();
  expect(messages.map(({ nakked }) => nakked.mock.calls.length)).toEqual([0, 0, 1, 1, 1]);
  gate.resolve();
  await closing;
  expect(messages.map(({ acked }) => acked.mock.calls.length)).toEqual([1, 1, 0, 0, 0]);
});
