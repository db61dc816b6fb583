import { silentLogger, systemClock, systemRandom } from "@keyferry/ports";
import type { Msg } from "@nats-io/transport-node";
import { afterEach, expect, test, vi } from "vitest";
import { ACK_WAIT_MS, type ConsumeRequest, startConsumption } from "./consume.ts";

interface FakeMessage {
  readonly answers: string[];
}

afterEach(() => {
  vi.useRealTimers();
});

/** A durable with these messages in it, behind a connection that does what a server does with a pull. */
function world(count: number, handle: ConsumeRequest["handle"]) {
  const messages: FakeMessage[] = Array.from({ length: count }, () => ({ answers: [] }));
  const queue = [...messages.entries()];
  const stop = new AbortController();
  /** Handed out, and not at the client yet. */
  const onTheWay: Msg[] = [];
  let deliver: ((message: Msg) => void) | undefined;
  let hold = false;
  const connection = {
    subscribe(_subject: string, { callback }: { callback: (error: Error | null, message: Msg) => void }) {
      deliver = (message) => callback(null, message);
      const arrive = (): void => {
        for (const message of onTheWay.splice(0)) deliver?.(message);
      };
      // A drain is answered after what the server had sent before it.
      return { drain: async () => arrive(), unsubscribe: () => void (deliver = undefined) };
    },
    publish(_subject: string, body: string) {
      const { batch } = JSON.parse(body) as { batch: number };
      for (const [index, message] of queue.splice(0, batch)) {
        if (hold) onTheWay.push(messageOf(message, index));
        else deliver?.(messageOf(message, index));
      }
    },
  };
  const link = {
    signal: stop.signal,
    online: true,
    onReconnect: () => () => true,
    connected: async () => ({ connection }),
    turn: async () => undefined,
  };
  const ports = { logger: silentLogger, clock: systemClock, random: systemRandom };
  const request = { link, stream: "S", durable: "d", handle, ...ports } as unknown as ConsumeRequest;
  const holdBack = (): void => void (hold = true);
  return { messages, queue, request, onTheWay, holdBack };
}

function messageOf({ answers }: FakeMessage, index: number): Msg {
  const message = {
    subject: `s.${index}`,
    reply: `$JS.ACK.S.d.1.${index + 1}.${index + 1}.1700000000000000000.0`,
    headers: undefined,
    respond: (payload: string) => answers.push(payload),
  };
  return message as unknown as Msg;
}

const countOf = ({ answers }: FakeMessage, answer: string): number =>
  answers.filter((given) => given === answer).length;

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
  for (const one of pulled) expect(countOf(one, "+WPI")).toBeGreaterThanOrEqual(least);
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
  expect(messages.map((one) => countOf(one, "-NAK"))).toEqual([0, 0, 1, 1, 1]);
  gate.resolve();
  await closing;
  expect(messages.map((one) => countOf(one, "+ACK"))).toEqual([1, 1, 0, 0, 0]);
});

test("stop-leaves-unacked: what the server has handed out and is still on its way at a close is given back too", async () => {
  const { messages, onTheWay, holdBack, request } = world(3, async () => ({ kind: "ack" }));
  holdBack();
  const consumption = startConsumption(request, { concurrency: 2 });
  await settled();
  expect(onTheWay).toHaveLength(3);
  await consumption.close();
  expect(messages.map((one) => countOf(one, "-NAK"))).toEqual([1, 1, 1]);
});
