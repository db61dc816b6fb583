// Rules through the API, a real OpenBao and a real NATS, the test being detector and sink.
import type { Outcome, SyncCommand } from "@keyferry/contracts";
import { associationUidOf } from "@keyferry/naming";
import { eventually } from "@keyferry/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, startWorld, type World } from "./support/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const SYNCED = { kind: "synced", version: 1, wrote: true } as const;
const UNSYNCED = { kind: "unsynced", wrote: true } as const;
const HELD: Outcome = {
  kind: "held",
  error: {
    code: "held-for-approval",
    class: "client-side",
    retry: "later",
    message: "Deleting 1 external secret(s) needs approval",
    advice: "approve",
    details: {},
  },
};

const ruleUrl = (destination: string, name = "r") => `sys/sync/rules/azure-kv/${destination}/${name}`;
const heldUrl = (destination: string) => `sys/sync/held/azure-kv/${destination}`;

function putRule(destination: string, fields: Record<string, unknown>, name = "r"): Promise<Answer> {
  return world.call("PUT", ruleUrl(destination, name), fields);
}

async function rowsOf(destination: string): Promise<Record<string, Record<string, unknown>>> {
  const answer = await world.call("GET", `sys/sync/destinations/azure-kv/${destination}/associations`);
  return answer.data["associated_secrets"] as Record<string, Record<string, unknown>>;
}

/** A secret in a mount, seen by the detector. */
async function secret(mount: string, path: string, metadata?: Record<string, string>): Promise<void> {
  await world.write(path, mount);
  if (metadata !== undefined) {
    await world.vault("POST", `${mount}/metadata/${path}`, { custom_metadata: metadata });
  }
  await world.observe(path, mount);
}

const isSync = ({ op }: SyncCommand) => op === "sync";
const isUnsync = ({ op }: SyncCommand) => op === "unsync";

describe("the API of rules", () => {
  beforeAll(async () => {
    await world.createDestination("api");
  });

  test("a rule is written, read, listed, patched and removed, and says how many associations it makes", async () => {
    await world.newMount("api-kv");
    await secret("api-kv", "app/a");
    await secret("api-kv", "app/b");
    await secret("api-kv", "other");
    const written = await putRule("api", { mounts: ["api-kv/"], paths: "app/*", custom_tags: { team: "x" } });
    expect([written.status, written.data]).toEqual([
      200,
      {
        name: "r",
        destination: { type: "azure-kv", name: "api" },
        mounts: ["api-kv"],
        paths: ["app/*"],
        custom_metadata: {},
        granularity: "secret-path",
        secret_name_template: expect.stringContaining("SecretPath"),
        custom_tags: { team: "x" },
        associations: 2,
        excluded: 0,
        created_at: expect.any(String),
        updated_at: expect.any(String),
      },
    ]);
    expect((await world.call("GET", ruleUrl("api"))).data).toEqual(written.data);
    const list = await world.call("LIST", "sys/sync/rules/azure-kv/api");
    expect(list.data).toEqual({
      keys: ["r"],
      key_info: { r: { mounts: ["api-kv"], associations: 2 } },
      total_rules: 1,
    });
    const patched = await world.call("PATCH", ruleUrl("api"), { paths: null }, MERGE);
    expect(patched.data).toMatchObject({ paths: [], mounts: ["api-kv"], associations: 3 });
    expect((await world.call("DELETE", ruleUrl("api"))).status).toBe(204);
    expect((await world.call("GET", ruleUrl("api"))).status).toBe(404);
    expect((await world.call("LIST", "sys/sync/rules/azure-kv/api")).status).toBe(404);
    expect((await world.call("DELETE", ruleUrl("api"))).status).toBe(204);
  });

  test.each([
    [{}, /^mounts is missing/],
    [{ mounts: [""] }, /^mounts is missing/],
    [{ mounts: "kv", paths: ["a//b"] }, /^paths: the glob 'a\/\/b' has an empty part/],
    [{ mounts: "kv", paths: ["a/x**"] }, /^paths: the glob/],
    [{ mounts: "kv", custom_metadata: { sync: "" } }, /^custom_metadata: the glob of sync is empty/],
    [{ mounts: "kv", granularity: "x" }, /^granularity is neither/],
    [{ mounts: "kv", secret_name_template: "{{ .Nope }}" }, /^secret_name_template is invalid/],
    [{ mounts: 7 }, /^mounts is not a list/],
    [{ mounts: "kv", custom_tags: 3 }, /^custom_tags is not a map/],
  ])("%j is refused by a sentence that begins with the field", async (fields, sentence) => {
    const answer = await putRule("api", fields, "wrong");
    expect([answer.status, answer.errors]).toEqual([400, [expect.stringMatching(sentence)]]);
  });

  test("a rule of a destination that is not there, a patch of a rule that is not there, another type: 404", async () => {
    expect((await putRule("nobody", { mounts: "kv" })).status).toBe(404);
    expect((await world.call("PATCH", ruleUrl("api", "none"), { mounts: "kv" }, MERGE)).status).toBe(404);
    expect((await world.call("GET", "sys/sync/rules/aws-sm/api/r")).status).toBe(404);
  });

  test("rule-as-deputy: to write or remove a rule takes sudo on its path; to read it does not", async () => {
    await putRule("api", { mounts: "api-kv" }, "guarded");
    const may = (capabilities: string) =>
      world.tokenFor(`path "sys/sync/rules/*" { capabilities = [${capabilities}] }`);
    const [plain, sudo] = await Promise.all([
      may('"create", "update", "read", "patch", "delete"'),
      may('"create", "update", "delete", "sudo"'),
    ]);
    const url = ruleUrl("api", "guarded");
    const fields = { mounts: "api-kv" };
    const statuses = [
      await world.call("PUT", url, fields, { token: plain }),
      await world.call("PATCH", url, fields, { token: plain, ...MERGE }),
      await world.call("DELETE", url, undefined, { token: plain }),
      await world.call("GET", url, undefined, { token: plain }),
      await world.call("PUT", url, fields, { token: sudo }),
      await world.call("DELETE", url, undefined, { token: sudo }),
    ].map(({ status }) => status);
    expect(statuses).toEqual([403, 403, 403, 200, 200, 204]);
  });
});

const MERGE = { headers: { "content-type": "application/merge-patch+json" } };

describe("what a rule makes", () => {
  beforeAll(async () => {
    await world.createDestination("made");
    await world.newMount("made-kv");
    await secret("made-kv", "old");
    await putRule("made", { mounts: "made-kv", custom_metadata: {} });
  });

  test("a secret that was there before the rule is synced in the bulk lane, under the uid of the pair", async () => {
    const command = await world.command("made", "old", isSync, "made-kv");
    const { uid } = await world.destination("made");
    const key = await world.keyOf("old", "made-kv");
    expect(command).toMatchObject({
      lane: "bulk",
      value: { reason: "rule", association: associationUidOf(uid, key), spec: { byRule: true } },
    });
    // Evaluated, not materialised.
    expect(await world.bus.associations.get(`${uid}.${key}`)).toBeUndefined();
  });

  test("a secret that comes later is synced as its event comes", async () => {
    await secret("made-kv", "new");
    const command = await world.command("made", "new", isSync, "made-kv");
    expect(command.value.spec.byRule).toBe(true);
  });

  test("it shows in the rows, in the list and in the destinations of the secret, with the rule's name", async () => {
    await world.end("made", "old", SYNCED, "made-kv");
    const { accessor } = await world.refOf("old", "made-kv");
    await eventually(async () => (await rowsOf("made"))[`${accessor}/old`]?.["sync_status"] === "SYNCED", {
      what: "the row to be SYNCED",
    });
    expect((await rowsOf("made"))[`${accessor}/old`]).toMatchObject({ rule: "r", mount: "made-kv" });
    const list = await world.call("LIST", "sys/sync/associations");
    expect(list.data["keys"]).toContain("made-kv/old");
    const of = await world.call("GET", "sys/sync/associations/destinations?mount=made-kv&secret_name=old");
    expect(of.data["associated_destinations"]).toMatchObject({ "azure-kv/made": { rule: "r" } });
  });

  test("a restart makes nothing anew", async () => {
    const before = await world.command("made", "old", isSync, "made-kv");
    await world.restart();
    await world.write("old", "made-kv");
    const event = await world.observe("old", "made-kv");
    const seen = ({ expect: wish }: SyncCommand) => wish?.fingerprint === event.fingerprint;
    const after = await world.command("made", "old", seen, "made-kv");
    expect(after.value.association).toBe(before.value.association);
    expect(after.lane).toBe("live");
    await world.end("made", "old", SYNCED, "made-kv");
  });

  test("rule-makes-it-again: what a person removes stays removed; what a person sets again is the same association", async () => {
    const before = await world.command("made", "old", isSync, "made-kv");
    await world.remove("made", "old", "made-kv");
    const unsync = await world.command("made", "old", isUnsync, "made-kv");
    expect(unsync.value).toMatchObject({ permit: { by: "person" }, expect: null });
    await world.end("made", "old", UNSYNCED, "made-kv");
    await world.write("old", "made-kv");
    await world.observe("old", "made-kv");
    await putRule("made", { mounts: "made-kv", custom_tags: { again: "1" } });
    await world.command("made", "new", ({ spec }) => spec.customTags["again"] === "1", "made-kv");
    expect((await world.command("made", "old", () => true, "made-kv")).value.op).toBe("unsync");
    expect((await world.call("GET", ruleUrl("made"))).data).toMatchObject({ excluded: 1 });
    await world.set("made", "old", "made-kv");
    const again = await world.command("made", "old", isSync, "made-kv");
    expect(again.value.association).toBe(before.value.association);
    expect(again.value.spec.byRule).toBeUndefined();
    expect(again.lane).toBe("live");
  });

  test("a secret that opts out is unsynced from the budget, and only where the sink finds it so", async () => {
    await world.createDestination("opting");
    await world.newMount("opting-kv");
    await putRule("opting", { mounts: "opting-kv", custom_metadata: { sync: "yes" } });
    await secret("opting-kv", "silent");
    await secret("opting-kv", "a", { sync: "yes" });
    await world.command("opting", "a", isSync, "opting-kv");
    await world.end("opting", "a", SYNCED, "opting-kv");
    await world.vault("POST", "opting-kv/metadata/a", { custom_metadata: { sync: "no" } });
    const event = await world.observe("a", "opting-kv");
    const command = await world.command("opting", "a", isUnsync, "opting-kv");
    expect(command.value).toMatchObject({
      expect: { fingerprint: event.fingerprint },
      permit: { by: "budget", fingerprint: event.fingerprint },
    });
    const { uid } = await world.destination("opting");
    expect(await world.bus.commands.last(uid, await world.keyOf("silent", "opting-kv"))).toBeUndefined();
  });

  test("a set of a name that a rule has given away is refused, names the rule, and passes when the rule is gone", async () => {
    await world.createDestination("first", { secret_name_template: "{{ .SecretPath }}" });
    await world.createDestination("second", {
      key_vault_uri: (await world.destination("first")).connection.keyVaultUri,
      secret_name_template: "{{ .SecretPath | uppercase }}",
    });
    await world.newMount("taken-kv");
    await secret("taken-kv", "app");
    await putRule("first", { mounts: "taken-kv", secret_name_template: "{{ .SecretPath }}" }, "all-of-it");
    await world.command("first", "app", isSync, "taken-kv");
    const refused = await world.set("second", "app", "taken-kv");
    expect([refused.status, refused.errors]).toEqual([
      400,
      [
        expect.stringMatching(
          /^external name APP is taken: the association of taken-kv\/app with azure-kv\/first, which rule all-of-it makes, has it/,
        ),
      ],
    ]);
    await world.call("DELETE", ruleUrl("first", "all-of-it"));
    await eventually(async () => (await world.set("second", "app", "taken-kv")).status === 200, {
      what: "the name to be free",
    });
  });

  test("a gone secret is unsynced as any other, and its association goes with it", async () => {
    await world.end("made", "new", SYNCED, "made-kv");
    await world.vault("DELETE", "made-kv/metadata/new");
    await world.observe("new", "made-kv");
    const command = await world.command("made", "new", isUnsync, "made-kv");
    expect(command.value).toMatchObject({
      expect: { incarnation: null },
      permit: { by: "budget", fingerprint: "f1.gone" },
    });
    const { accessor } = await world.refOf("new", "made-kv");
    expect(Object.keys(await rowsOf("made"))).not.toContain(`${accessor}/new`);
  });
});

describe("what is held", () => {
  const names = Array.from({ length: 13 }, (_, index) => `s${String(index).padStart(2, "0")}`);

  beforeAll(async () => {
    await world.createDestination("held");
    await world.newMount("held-kv");
    for (const name of names) await secret("held-kv", name);
    await putRule("held", { mounts: "held-kv" });
    for (const name of names) {
      await world.command("held", name, isSync, "held-kv");
      await world.end("held", name, SYNCED, "held-kv");
    }
  });

  async function held(): Promise<Record<string, unknown>> {
    return (await world.call("GET", heldUrl("held"))).data;
  }

  const approve = (digest: unknown) => world.call("POST", `${heldUrl("held")}/approve`, { digest });

  test("mass-delete: a rule that is removed takes ten with it, and the rest is held", async () => {
    await world.call("DELETE", ruleUrl("held"));
    const commands = await Promise.all(names.map((name) => world.command("held", name, isUnsync, "held-kv")));
    const permits = commands.map(({ value }) => value.permit?.by ?? "none");
    expect(permits.filter((by) => by === "budget")).toHaveLength(10);
    expect(permits.filter((by) => by === "none")).toHaveLength(3);
    // A rule that a person took away needs nothing of the source.
    expect(commands.every(({ value }) => value.expect === null)).toBe(true);
    for (const [index, name] of names.entries()) {
      if (permits[index] === "none") await world.endKeeping("held", name, HELD, "held-kv");
      else await world.end("held", name, UNSYNCED, "held-kv");
    }
    await eventually(async () => (await held())["total"] === 3, { what: "three held deletes" });
    const all = await world.call("GET", "sys/sync/held");
    expect(all.data).toMatchObject({ total: 3, destinations: [{ name: "held", total: 3 }] });
  });

  test("a destination with something that a rule left is not deleted under it", async () => {
    const answer = await world.call("DELETE", "sys/sync/destinations/azure-kv/held");
    expect([answer.status, answer.errors]).toEqual([400, [expect.stringContaining("still managing 3")]]);
  });

  test("an approval without a digest, or with another one, approves nothing and names the one that is held", async () => {
    expect((await approve(undefined)).status).toBe(400);
    const { digest } = await held();
    const answer = await approve("another");
    expect([answer.status, answer.errors]).toEqual([409, [expect.stringContaining(String(digest))]]);
    expect((await held())["total"]).toBe(3);
  });

  test("approving takes the right on its own path", async () => {
    const policy = `path "sys/sync/held/*" { capabilities = ["read"] }`;
    const token = await world.tokenFor(policy);
    const url = heldUrl("held");
    expect((await world.call("GET", url, undefined, { token })).status).toBe(200);
    expect((await world.call("POST", `${url}/approve`, { digest: "x" }, { token })).status).toBe(403);
  });

  test("held-then-alive: what has come back is not deleted by an approval of the set that it was in", async () => {
    const before = await held();
    const [first] = before["held"] as { secret_name: string }[];
    const back = first?.secret_name ?? "";
    await putRule("held", { mounts: "held-kv", paths: back });
    await world.command("held", back, isSync, "held-kv");
    await eventually(async () => (await held())["total"] === 2, { what: "two held deletes" });
    expect((await approve(before["digest"])).status).toBe(409);
    expect((await world.command("held", back, () => true, "held-kv")).value.op).toBe("sync");
  });

  test("an approval is of one use: each key gets its permit, and a second click finds nothing", async () => {
    const { digest, held: deletes } = await held();
    const answer = await approve(digest);
    expect([answer.status, answer.data]).toEqual([
      200,
      { destination: "held", digest, approved: 2, skipped: 0 },
    ]);
    for (const { secret_name: name } of deletes as { secret_name: string }[]) {
      const { value } = await world.command("held", name, ({ permit }) => permit !== null, "held-kv");
      expect(value).toMatchObject({ op: "unsync", permit: { by: "approval", digest } });
    }
    const again = await approve(digest);
    expect([again.status, again.errors]).toEqual([409, [expect.stringContaining("nothing is held")]]);
  });
});

describe("dropped names of a secret (O6)", () => {
  test("a sync that may not drop names gets leave from the budget in its next command, once", async () => {
    await world.createDestination("keys", { granularity: "secret-key" });
    await world.write("keys");
    await world.set("keys", "keys");
    await world.observe("keys");
    const first = await world.command("keys", "keys");
    await world.end("keys", "keys", SYNCED);
    await world.write("keys");
    const event = await world.observe("keys");
    const isNew = (command: SyncCommand) => command.expect?.fingerprint === event.fingerprint;
    const second = await world.command("keys", "keys", isNew);
    expect([first.value.permit, second.value.permit]).toEqual([null, null]);
    await world.endKeeping("keys", "keys", HELD);
    const third = await world.command("keys", "keys", ({ permit }) => permit !== null);
    expect(third.value).toMatchObject({
      op: "sync",
      permit: { by: "budget", fingerprint: `drop.${event.fingerprint}` },
    });
    const { uid } = await world.destination("keys");
    expect((await world.bus.budgets.get(`budget.${uid}`))?.value.spent).toHaveLength(1);
  });
});

describe("the end of a destination with rules", () => {
  test("a plain delete is refused while it has rules; a purge unsyncs what they made, and ends by itself", async () => {
    await world.createDestination("ending");
    await world.newMount("ending-kv");
    await secret("ending-kv", "a");
    await putRule("ending", { mounts: "ending-kv" });
    await world.command("ending", "a", isSync, "ending-kv");
    await world.end("ending", "a", SYNCED, "ending-kv");
    await world.destinationEver("ending");
    const plain = await world.call("DELETE", "sys/sync/destinations/azure-kv/ending");
    expect([plain.status, plain.errors]).toEqual([
      400,
      [expect.stringContaining("it has rules: delete r first")],
    ]);
    expect((await world.call("DELETE", "sys/sync/destinations/azure-kv/ending?purge=true")).status).toBe(204);
    const unsync = await world.command("ending", "a", isUnsync, "ending-kv");
    expect(unsync.value).toMatchObject({ permit: { by: "person" } });
    await world.end("ending", "a", UNSYNCED, "ending-kv");
    const url = "sys/sync/destinations/azure-kv/ending";
    await eventually(async () => (await world.call("GET", url)).status === 404, {
      what: "the destination to go",
    });
  });

  test("force_delete of a destination with rules ends, and orders nothing more", async () => {
    await world.createDestination("forced");
    await world.newMount("forced-kv");
    await secret("forced-kv", "a");
    await putRule("forced", { mounts: "forced-kv" });
    await world.command("forced", "a", isSync, "forced-kv");
    await world.end("forced", "a", SYNCED, "forced-kv");
    const { uid } = await world.destinationEver("forced");
    const url = "sys/sync/destinations/azure-kv/forced?force_delete=true";
    expect((await world.call("DELETE", url)).status).toBe(204);
    expect(await world.bus.commands.last(uid, await world.keyOf("a", "forced-kv"))).toBeUndefined();
  });
});

describe("a removal that is refused", () => {
  const refused: Outcome = {
    kind: "refused",
    error: {
      code: "foreign-owner",
      class: "client-side",
      retry: "hopeless",
      message: "The Key Vault secret x belongs to nobody that Keyferry knows",
      advice: "look",
      details: {},
    },
  };

  test("it is told of, and a person gives it up by removing with force", async () => {
    await world.createDestination("stuck");
    await world.write("stuck");
    await world.set("stuck", "stuck");
    await world.observe("stuck");
    await world.command("stuck", "stuck");
    await world.end("stuck", "stuck", SYNCED);
    await world.remove("stuck", "stuck");
    await world.command("stuck", "stuck", isUnsync);
    await world.endKeeping("stuck", "stuck", refused);
    await eventually(
      async () => {
        const { data } = await world.call("GET", heldUrl("stuck"));
        return (data["refused_removals"] as unknown[]).length === 1;
      },
      { what: "the refused removal to show" },
    );
    const url = "sys/sync/destinations/azure-kv/stuck/associations/remove";
    const named = { mount: "secret", secret_name: "stuck" };
    await world.call("POST", url, named);
    expect((await world.association("stuck", "stuck"))?.state).toBe("removed");
    await world.call("POST", url, { ...named, force: "true" });
    expect(await world.association("stuck", "stuck")).toBeUndefined();
    const { logs } = world.service;
    expect(
      logs.some(
        ({ message, fields }) => message.startsWith("left in Key Vault") && fields["path"] === "stuck",
      ),
    ).toBe(true);
  });
});

describe("a mount that was moved", () => {
  test("remount-keeps-accessor: commands lead to where it is now, and names stay until a refresh", async () => {
    await world.createDestination("moving", { secret_name_template: "{{ .MountPath }}-{{ .SecretPath }}" });
    await world.newMount("moving-old");
    await secret("moving-old", "a");
    await world.set("moving", "a", "moving-old");
    const before = await world.command("moving", "a", isSync, "moving-old");
    await world.end("moving", "a", SYNCED, "moving-old");
    await world.vault("POST", "sys/remount", { from: "moving-old", to: "moving-new" });
    await eventually(
      async () => (await world.refOf("a", "moving-new").catch(() => undefined)) !== undefined,
      {
        what: "the mount to have moved",
      },
    );
    const moved = [{ kind: "moved" as const, from: "moving-old", to: "moving-new" }];
    await eventually(() => world.observe("a", "moving-new", moved), { what: "the moved mount to answer" });
    const isMoved = (command: SyncCommand) => command.secret.mount === "moving-new";
    const after = await world.command("moving", "a", isMoved, "moving-new");
    expect(after.value).toMatchObject({
      op: "sync",
      association: before.value.association,
      secretKey: before.value.secretKey,
      namedAs: { namespace: "", mount: "moving-old" },
    });
    await world.end("moving", "a", SYNCED, "moving-new");
    await world.set("moving", "a", "moving-new");
    const isRefreshed = (command: SyncCommand) => isMoved(command) && command.namedAs === undefined;
    await world.command("moving", "a", isRefreshed, "moving-new");
  });
});
