import { expect, test } from "vitest";
import { eventually } from "./eventually.ts";

test("the first accepted value is returned, and errors before it count as not yet", async () => {
  let calls = 0;
  const value = await eventually(
    () => {
      calls += 1;
      if (calls === 1) throw new Error("connection refused");
      return calls;
    },
    { what: "three calls", until: (count) => count >= 3 },
  );
  expect(value).toBe(3);
});

test("undefined, null and false are waited out; zero and the empty string are values", async () => {
  const answers = [undefined, null, false, 0];
  expect(await eventually(() => answers.shift(), { what: "a value" })).toBe(0);
  expect(await eventually(() => "", { what: "a value" })).toBe("");
});

test("the failure names what was waited for and what was last seen", async () => {
  const never = eventually(() => ({ status: "PENDING" }), {
    what: "the association to become SYNCED",
    until: (seen) => seen.status === "SYNCED",
    timeoutMs: 20,
  });
  await expect(never).rejects.toThrow(/20 ms for the association to become SYNCED; last seen: .*PENDING/u);
  const failing = eventually(() => Promise.reject(new Error("HTTP 503")), { what: "health", timeoutMs: 20 });
  await expect(failing).rejects.toThrow(/health; last seen: error HTTP 503/u);
});

test("an abort ends the wait with its reason", async () => {
  const controller = new AbortController();
  const waiting = eventually(() => false, { what: "never", signal: controller.signal });
  controller.abort(new Error("the server ended"));
  await expect(waiting).rejects.toThrow("the server ended");
});
