import { KeyferryError } from "@keyferry/errors";
import { expect, test } from "vitest";
import { type Retry, retryForever } from "./retry-forever.ts";

const policy = { firstMs: 100, capMs: 1_000, factor: 2 };
const random = { fraction: () => 0.999_999 };

/** A clock on which every wait is over at once, and written down. */
function recordingClock() {
  const waitsMs: number[] = [];
  return {
    waitsMs,
    sleep: async (ms: number, signal?: AbortSignal) => {
      waitsMs.push(ms);
      signal?.throwIfAborted();
    },
  };
}

function failing(errors: readonly unknown[]) {
  let calls = 0;
  return async () => {
    const error = errors[calls];
    calls += 1;
    if (error !== undefined) throw error;
    return calls;
  };
}

const later = () => new KeyferryError("bus-unreachable", "away");
const now = () => new KeyferryError("conflict", "lost");

test("a failure of class `later` is tried again after a wait that grows", async () => {
  const clock = recordingClock();
  const { signal } = new AbortController();
  const result = await retryForever(failing([later(), later(), later()]), { policy, clock, random, signal });
  expect(result).toBe(4);
  expect(clock.waitsMs).toEqual([100, 200, 400]);
});

test("RETRY-1: a hopeless failure is thrown at once, as it is", async () => {
  const clock = recordingClock();
  const { signal } = new AbortController();
  const hopeless = new KeyferryError("name-invalid", "no");
  const attempt = failing([later(), hopeless]);
  await expect(retryForever(attempt, { policy, clock, random, signal })).rejects.toBe(hopeless);
  expect(clock.waitsMs).toEqual([100]);
});

test("RETRY-3: a failure of class `now` is tried again at once, but only a few times in a row", async () => {
  const clock = recordingClock();
  const { signal } = new AbortController();
  const attempt = failing([now(), now(), now(), now(), later(), now()]);
  await retryForever(attempt, { policy, clock, random, signal });
  expect(clock.waitsMs).toEqual([0, 0, 0, 800, 1_000, 0]);
});

test("an error that nobody knows is told as `unexpected`, without its text, and tried again", async () => {
  const clock = recordingClock();
  const { signal } = new AbortController();
  const told: Retry[] = [];
  const attempt = failing([new Error("s3cret")]);
  await retryForever(attempt, { policy, clock, random, signal, onRetry: (retry) => told.push(retry) });
  expect(told.map(({ attempt: number, waitMs, error }) => [number, waitMs, error.code])).toEqual([
    [1, 100, "unexpected"],
  ]);
  expect(JSON.stringify(told.map(({ error }) => error.report()))).not.toContain("s3cret");
});

test("RETRY-2: a signal that aborts during the wait ends it with the signal's reason", async () => {
  const controller = new AbortController();
  const reason = new KeyferryError("operation-aborted", "The service is stopping");
  let attempts = 0;
  const clock = {
    sleep: async (_ms: number, signal?: AbortSignal) => {
      controller.abort(reason);
      signal?.throwIfAborted();
    },
  };
  const attempt = async () => {
    attempts += 1;
    throw later();
  };
  await expect(retryForever(attempt, { policy, clock, random, signal: controller.signal })).rejects.toBe(
    reason,
  );
  expect(attempts).toBe(1);
});

test("RETRY-2: with a signal that is aborted already, there is no attempt", async () => {
  let attempts = 0;
  const attempt = async () => {
    attempts += 1;
  };
  const options = { policy, clock: recordingClock(), random, signal: AbortSignal.abort() };
  await expect(retryForever(attempt, options)).rejects.toMatchObject({ code: "operation-aborted" });
  expect(attempts).toBe(0);
});

test("an attempt that fails because the signal aborted is not tried again", async () => {
  const controller = new AbortController();
  const clock = recordingClock();
  const attempt = async (signal: AbortSignal) => {
    controller.abort();
    signal.throwIfAborted();
  };
  const options = { policy, clock, random, signal: controller.signal };
  await expect(retryForever(attempt, options)).rejects.toMatchObject({ code: "operation-aborted" });
  expect(clock.waitsMs).toEqual([]);
});
