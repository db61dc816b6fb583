// Proves that a change which OpenBao writes into its audit file is an event, for each kind of change, and that what only
// looks like a change is none. The sweep's interval is an hour: it is not what finds these.
import { appendFile, rename, truncate } from "node:fs/promises";
import { eventually } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { currentIs, isGone, ownerIs, startWorld, versionIs, type World } from "./world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld({ hints: "audit-file" });
});

afterAll(() => world[Symbol.asyncDispose]());

const kindsOf = (path: string): string[][] =>
  world.eventsOf(path).map(({ changes }) => changes.map(({ kind }) => kind));

test("hazard delete-undelete-delete: a write, the next, a delete, an undelete, a delete, metadata: one event each", async () => {
  await world.write("a/b");
  await world.last("a/b", currentIs(1));
  await world.write("a/b");
  await world.last("a/b", currentIs(2));
  await world.call("DELETE", "secret/data/a/b");
  await world.last("a/b", versionIs(2, "dead"));
  await world.call("POST", "secret/undelete/a/b", { versions: [2] });
  await world.last("a/b", versionIs(2, "live"));
  await world.call("DELETE", "secret/data/a/b");
  await world.last("a/b", versionIs(2, "dead"));
  await world.call("POST", "secret/metadata/a/b", { custom_metadata: { owner: "me" } });
  const last = await world.last("a/b", ownerIs("me"));
  expect(kindsOf("a/b")).toEqual([
    ["first-seen"],
    ["version-created"],
    ["version-deleted"],
    ["version-undeleted"],
    ["version-deleted"],
    ["metadata-updated"],
  ]);
  expect(last).toMatchObject({ via: "hint", secret: { mount: "secret", namespace: "", source: "main" } });
});

test("ten quick writes end in the last of them, in few events", async () => {
  for (let n = 0; n < 10; n += 1) await world.write("quick");
  await world.last("quick", currentIs(10));
  expect(world.eventsOf("quick").length).toBeLessThanOrEqual(10);
});

test("metadata that is deleted is confirmed by a second read and then gone; written again it is made anew", async () => {
  await world.write("short-lived");
  await world.last("short-lived", currentIs(1));
  await world.call("DELETE", "secret/metadata/short-lived");
  await world.last("short-lived", isGone);
  await world.write("short-lived");
  await world.last("short-lived", currentIs(1));
  expect(kindsOf("short-lived").slice(1)).toEqual([
    ["secret-deleted"],
    ["secret-created", "version-created"],
  ]);
});

test("deleted and written again before the detector looked: another incarnation, confirmed", async () => {
  await world.write("again");
  const first = await world.last("again", currentIs(1));
  await world.call("DELETE", "secret/metadata/again");
  await world.write("again");
  const next = await world.last(
    "again",
    ({ state }) =>
      state.kind === "present" &&
      first.state.kind === "present" &&
      state.incarnation !== first.state.incarnation,
  );
  expect(next.state).toMatchObject({ current: 1 });
});

test("a mount of several segments is watched without any association", async () => {
  await world.newMount("team/kv");
  await world.write("x", "team/kv");
  const event = await world.last("x", currentIs(1), "team/kv");
  expect(event).toMatchObject({ via: "hint", secret: { namespace: "", mount: "team/kv" } });
});

test("hazard expiry-without-a-change: a version that expires is seen to be deleted, though nothing tells of it", async () => {
  await world.call("POST", "secret/metadata/expiring", { delete_version_after: "2s" });
  await world.write("expiring");
  await world.last("expiring", versionIs(1, "live"));
  const dead = await world.last("expiring", versionIs(1, "dead"));
  expect(dead).toMatchObject({
    via: "expiry",
    changes: [{ kind: "version-deleted", version: 1, expired: true }],
  });
});

test("O7: who asks about a secret that never was is told that it is gone", async () => {
  world.ask("never-was");
  await eventually(() => world.detector.metrics(), {
    what: "the hint to arrive",
    until: (text) => /keyferry_detector_hints_total\{channel="resolver"[^}]*\} 1/.test(text),
  });
  // Confirmed after 30 s, as no deletion was hinted.
  expect(await world.last("never-was", isGone)).toMatchObject({
    via: "asked",
    changes: [{ kind: "first-seen" }],
  });
});

test("hazard audit-file-rotated: rotation by rename and by truncation loses nothing, garbage only leads to a sweep", async () => {
  const { auditFile } = world.bao;
  await world.associate("rotated-1");
  await rename(auditFile, `${auditFile}.1`);
  await world.write("rotated-1"); // still into the renamed file
  await world.last("rotated-1", currentIs(1));
  const { pid } = world.bao;
  if (pid === undefined) throw new Error("the server is not a process of ours");
  process.kill(pid, "SIGHUP"); // it opens the path anew
  await eventually(() => world.write("rotated-2"), { what: "a write after SIGHUP" });
  await world.last("rotated-2", currentIs(1));
  await truncate(auditFile, 0);
  await world.write("rotated-3");
  await world.last("rotated-3", currentIs(1));
  await appendFile(auditFile, '\u0000garbage\n{"half":\n');
  await world.write("rotated-4");
  await world.last("rotated-4", currentIs(1));
  expect(await world.detector.metrics()).toMatch(
    /keyferry_detector_hint_gaps_total\{channel="audit-file"[^}]*\} [1-9]/,
  );
});

test("Keyferry's own mount is never looked at", async () => {
  await world.newMount("keyferry");
  await world.write("destinations/x", "keyferry");
  await world.write("after");
  await world.last("after", currentIs(1));
  expect(world.events.filter(({ event }) => event.secret.mount === "keyferry")).toEqual([]);
});

test("P5: neither events nor the log hold a value", async () => {
  const events = JSON.stringify(world.events);
  expect(events).not.toContain("value of");
});
