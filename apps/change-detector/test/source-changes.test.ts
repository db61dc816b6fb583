// Proves on a real OpenBao that nothing is said of secrets whose mount was disabled, made anew, moved or denied, or whose
// server was replaced; what is reported then; and that a person's word makes the detector go on without a restart.
import { confirmSourceChange, sourceReportKey } from "@keyferry/bus";
import type { HeldMount } from "@keyferry/contracts";
import { systemClock } from "@keyferry/ports";
import { eventually } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { currentIs, startWorld, type World } from "./world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld({ hints: "none", sweepIntervalS: 1, login: true });
});

afterAll(() => world[Symbol.asyncDispose]());

async function report(of = world) {
  return (await of.bus.sourceReports.get(sourceReportKey("main")))?.value;
}

async function held(mount: string, why: HeldMount["why"], of = world): Promise<HeldMount> {
  return eventually(
    async () => (await report(of))?.held.find((each) => each.mount === mount && each.why === why),
    { what: `${mount} to be held as ${why}` },
  );
}

const heldNoMore = (mount: string): Promise<unknown> =>
  eventually(async () => (await report())?.held.every((each) => each.mount !== mount), {
    what: `${mount} to be held no more`,
  });

const confirm = (
  wish: { kind: "cluster"; to: string } | { kind: "mount"; mount: string; to: string },
  of = world,
) =>
  confirmSourceChange(
    of.bus,
    {
      source: "main",
      by: "a person",
      reason: "it is the same",
      ...(wish.kind === "mount" ? { ...wish, namespace: "" } : wish),
    },
    systemClock,
  );

test("hazard mount-reenabled: a mount that is gone, or another one at its path, says nothing until it is confirmed", async () => {
  await world.newMount("fragile");
  await world.allow("fragile");
  await world.write("kept", "fragile");
  await world.associate("kept", "fragile");
  const before = await world.last("kept", currentIs(1), "fragile");
  await world.call("DELETE", "sys/mounts/fragile");
  await held("fragile", "mount-missing");
  await world.newMount("fragile");
  await world.write("other", "fragile");
  const { change } = await held("fragile", "source-changed");
  expect(change).toMatchObject({ kind: "mount", from: before.secret.accessor });
  expect(world.eventsOf("other", "fragile")).toEqual([]);

  expect((await confirm({ kind: "mount", mount: "fragile", to: "kv_else" })).kind).toBe("not-held");
  const to = change?.to ?? "";
  expect(await confirm({ kind: "mount", mount: "fragile", to })).toMatchObject({
    kind: "confirmed",
    record: { kind: "mount", from: before.secret.accessor, to },
  });
  expect((await world.last("other", currentIs(1), "fragile")).secret.accessor).toBe(to);
  await heldNoMore("fragile");
  expect((await confirm({ kind: "mount", mount: "fragile", to })).kind).toBe("unchanged");
  expect(world.eventsOf("kept", "fragile")).toEqual([before]);
});

test("hazard remount-keeps-accessor: a mount that was moved is swept where it stands, and its secrets are the same", async () => {
  await world.newMount("before");
  await world.allow("before");
  await world.allow("after");
  await world.write("p", "before");
  await world.associate("p", "before");
  const first = await world.last("p", currentIs(1), "before");
  await world.call("POST", "sys/remount", { from: "before", to: "after" });
  await eventually(() => world.call("GET", "after/config"), { what: "the mount at its new path" });
  const moved = await world.last("p", currentIs(1), "after");
  expect(moved.secret).toEqual({ ...first.secret, mount: "after" });
  expect([moved.fingerprint, moved.changes]).toEqual([
    first.fingerprint,
    [{ kind: "moved", from: "before", to: "after" }],
  ]);
  const keys = world.events.filter(({ event }) => event.secret.accessor === first.secret.accessor);
  expect(new Set(keys.map(({ key }) => key)).size).toBe(1);
  await world.write("p", "after");
  await world.last("p", currentIs(2), "after");
  expect((await report())?.moved).toMatchObject([{ from: "before", to: "after" }]);
});

test("hazard unreadable-mount: a mount that the policy leaves out is denied, by one login at most, and says so", async () => {
  await world.newMount("unreadable");
  await world.write("p", "unreadable");
  await world.associate("p", "unreadable");
  await held("unreadable", "source-denied");
  expect(world.eventsOf("p", "unreadable")).toEqual([]);
  await world.allow("unreadable");
  await world.last("p", currentIs(1), "unreadable");
  await heldNoMore("unreadable");
});

test("hazard wrong-cluster: a fresh server at the source's address deletes nothing; confirmed, it is the source", async () => {
  await using other = await startWorld({ hints: "audit-file", sweepIntervalS: 1 });
  await other.write("app");
  await other.associate("app");
  await other.last("app", currentIs(1));
  const before = other.events.length;
  await other.bao.restart(); // a development server forgets: another cluster, with nothing of what was written
  await other.write("app");
  await other.newMount("only-there");
  await other.write("x", "only-there");

  const cluster = await held("secret", "source-changed", other);
  expect([cluster.change?.kind, other.events.length]).toEqual(["cluster", before]);
  await confirm({ kind: "cluster", to: cluster.change?.to ?? "" }, other);
  // The server is the source now; that its mount takes the old one's place is another question.
  const mount = await eventually(
    async () => {
      const { change } = await held("secret", "source-changed", other);
      return change?.kind === "mount" ? change : undefined;
    },
    { what: "the mount to be held" },
  );
  expect(other.eventsOf("app")).toHaveLength(before);
  await confirm({ kind: "mount", mount: "secret", to: mount.to }, other);
  const seen = await other.last("app", ({ secret }) => secret.accessor === mount.to);
  expect(seen).toMatchObject({ changes: [{ kind: "first-seen" }], state: { current: 1 } });
  expect(other.events.filter(({ event }) => event.state.kind === "gone")).toEqual([]);
});
