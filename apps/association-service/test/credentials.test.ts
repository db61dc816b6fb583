// Proves on a real OpenBao and NATS: where destinations' credentials lie and what becomes of old ones (hazard
// client-secret-two-stores), what follows from a connection check, and that nothing outside of allowed_sources is associated.
// The test stands for the sink that looks.
import type { CheckFinding, ConnectionCheckRequest } from "@keyferry/contracts";
import { SecretValue } from "@keyferry/ports";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { CredentialStore } from "../src/destinations/credential-store.ts";
import { CONNECTION, OWN_MOUNT, startWorld, type World } from "./support/world.ts";

let world: World;
let asked: ConnectionCheckRequest[];
let findings: CheckFinding[];

beforeAll(async () => {
  world = await startWorld();
  world.bus.connectionChecks.answer(async (request) => {
    asked.push(request);
    return findings;
  });
  await world.write("team-a/db");
  await world.write("team-b/db");
});

beforeEach(() => {
  asked = [];
  findings = [];
});

afterAll(() => world[Symbol.asyncDispose]());

const urlOf = (name: string) => `sys/sync/destinations/azure-kv/${name}`;
const uriOf = (name: string) => `https://kv-${name}.vault.azure.net`;
const put = (name: string, fields: Record<string, unknown> = {}) =>
  world.call("PUT", urlOf(name), { ...CONNECTION, key_vault_uri: uriOf(name), ...fields });
const patch = (name: string, fields: Record<string, unknown>) =>
  world.call("PATCH", urlOf(name), fields, { headers: { "content-type": "application/merge-patch+json" } });

async function storedVersions(name: string): Promise<{ max: number; alive: number[] }> {
  const { uid } = await world.destination(name);
  const { data } = await world.vault("GET", `${OWN_MOUNT}/metadata/destinations/${uid}`);
  const versions = Object.entries(data["versions"] as Record<string, { destroyed: boolean }>);
  return {
    max: data["max_versions"] as number,
    alive: versions.filter(([, { destroyed }]) => !destroyed).map(([version]) => Number(version)),
  };
}

/** The client secret that the destination's record names, as a sink reads it. */
async function secretInUse(name: string): Promise<string | undefined> {
  const { connection } = await world.destination(name);
  const { credential } = connection;
  if (!("version" in credential)) return undefined;
  const address = { namespace: "", mount: OWN_MOUNT, path: credential.path };
  const read = await world.source.readSecret(address, credential.version);
  return read.kind === "live" ? read.data.get("client_secret")?.reveal() : undefined;
}

describe("client-secret-two-stores", () => {
  test("client-secret-two-stores: of the old secrets one stays, whichever way it was replaced", async () => {
    for (const client_secret of ["s1", "s2", "s3", "s4"]) await put("rotated", { client_secret });
    expect(await storedVersions("rotated")).toEqual({ max: 2, alive: [3, 4] });
    expect(await secretInUse("rotated")).toBe("s4");
  });

  test("client-secret-two-stores: a PUT without client_secret keeps the stored one, and makes no version", async () => {
    await put("kept", { client_secret: "s1" });
    const { client_secret: _, ...rest } = CONNECTION;
    await world.call("PUT", urlOf("kept"), { ...rest, key_vault_uri: uriOf("kept") });
    await put("kept", { client_secret: "*****" });
    expect(await secretInUse("kept")).toBe("s1");
    expect(await storedVersions("kept")).toMatchObject({ alive: [1] });
  });

  test("client-secret-two-stores: writes that died between the two stores never push out the secret in use", async () => {
    await put("crashed", { client_secret: "in-use" });
    const { uid, connection } = await world.destination("crashed");
    const store = new CredentialStore(world.source, { namespace: "", mount: OWN_MOUNT });
    for (const lost of ["lost-1", "lost-2", "lost-3"]) {
      // What a process that is killed between the two stores leaves: a version, and a record that does not know it.
      await store.put(
        uid,
        { kind: "store", as: "client-secret", secret: new SecretValue(lost) },
        connection.credential,
      );
      expect(await secretInUse("crashed")).toBe("in-use");
    }
    await put("crashed", { client_secret: "next" });
    expect(await secretInUse("crashed")).toBe("next");
    await put("crashed", { client_secret: "last" });
    expect(await storedVersions("crashed")).toMatchObject({ max: 2, alive: [5, 6] });
  });

  test("client-secret-two-stores: a write that is refused leaves nothing of its secret behind", async () => {
    findings = [WRONG_SECRET];
    expect((await put("never-made")).status).toBe(400);
    findings = [];
    await put("refused", { client_secret: "good" });
    findings = [WRONG_SECRET];
    expect((await put("refused", { client_secret: "bad" })).status).toBe(400);
    expect(await secretInUse("refused")).toBe("good");
    expect(await storedVersions("refused")).toMatchObject({ alive: [1] });
    const listed = await world.vault("GET", `${OWN_MOUNT}/metadata/destinations?list=true`);
    const known = await Promise.all(
      ["rotated", "kept", "crashed", "refused"].map(async (name) => (await world.destination(name)).uid),
    );
    expect((listed.data["keys"] as string[]).sort()).toEqual(known.sort());
  });
});

const WRONG_SECRET: CheckFinding = {
  check: "token",
  ok: false,
  detail: "Azure refused a token: AADSTS7000215",
  advice: "Send the secret's value.",
  isCertain: true,
};
const NO_ROLE: CheckFinding = {
  check: "list",
  ok: false,
  detail: "the identity lacks readMetadata/action",
  advice: "Give it a role.",
  isCertain: false,
};

test("client-secret-two-stores: a destination that logs in without one has none any more", async () => {
  await put("freed", { client_secret: "old" });
  expect(await storedVersions("freed")).toMatchObject({ alive: [1] });
  expect((await patch("freed", { credential: "managed-identity" })).data["connection_details"]).toMatchObject(
    {
      credential: "managed-identity",
    },
  );
  expect(await storedVersions("freed")).toMatchObject({ alive: [] });
  await put("freed", { client_secret: "again" });
  expect(await secretInUse("freed")).toBe("again");
});

describe("connection check", () => {
  test("what is certainly wrong refuses the write, names why and how to write it all the same", async () => {
    findings = [WRONG_SECRET];
    const refused = await put("certain");
    expect(refused.status).toBe(400);
    expect(refused.errors.join("\n")).toMatch(
      /token: Azure refused a token: AADSTS7000215\. Send the secret's value/,
    );
    expect(refused.errors.join("\n")).toContain("skip_connection_check=true");
    expect((await world.call("GET", urlOf("certain"))).status).toBe(404);
    expect((await put("certain", { skip_connection_check: "true" })).status).toBe(200);
  });

  test("what a minute may mend is a warning in the answer", async () => {
    findings = [NO_ROLE];
    const answer = await put("warned");
    expect([answer.status, answer.body["warnings"]]).toEqual([
      200,
      ["connection check: list: the identity lacks readMetadata/action. Give it a role."],
    ]);
  });

  test("a sink is asked without any secret, when the connection changes and not otherwise", async () => {
    await put("asked", { client_secret: "canary-client-secret" });
    expect(asked).toMatchObject([
      { destination: "asked", write: false, connection: { keyVaultUri: uriOf("asked") } },
    ]);
    expect(JSON.stringify(asked)).not.toContain("canary");
    await patch("asked", { custom_tags: { a: "1" } });
    expect(asked).toHaveLength(1);
    await patch("asked", { allowed_ipv4_addresses: ["10.0.0.0/8"] });
    await patch("asked", { client_secret: "another" });
    expect(asked).toHaveLength(3);
  });

  test("the check route tells every finding; write is passed on; without a sink it says so", async () => {
    await put("looked-at");
    findings = [NO_ROLE];
    const answer = await world.call("POST", `${urlOf("looked-at")}/check`, { write: "true" });
    expect(answer.data["findings"]).toEqual([
      { check: "list", ok: false, detail: NO_ROLE.detail, advice: NO_ROLE.advice },
    ]);
    expect(asked.at(-1)).toMatchObject({ write: true });
    expect((await world.call("POST", `${urlOf("nobody")}/check`, {})).status).toBe(404);
    await using alone = await startWorld();
    await alone.createDestination("alone");
    const silent = await alone.call("POST", `${urlOf("alone")}/check`, {});
    expect(silent.data["findings"]).toMatchObject([{ check: "sink", ok: false }]);
  });

  test.each([
    [
      "warn",
      200,
      ["connection check: token: Azure refused a token: AADSTS7000215. Send the secret's value."],
    ],
    ["off", 200, null],
  ] as const)("connectionCheck: %s", async (connectionCheck, status, warnings) => {
    await using other = await startWorld({ connectionCheck });
    other.bus.connectionChecks.answer(async () => [WRONG_SECRET]);
    const answer = await other.call("PUT", urlOf("d"), CONNECTION);
    expect([answer.status, answer.body["warnings"]]).toEqual([status, warnings]);
  });
});

describe("rule-as-deputy", () => {
  test("rule-as-deputy: a secret outside of allowed_sources is not associated, and the answer names it", async () => {
    await put("narrow", { allowed_sources: "secret/team-a" });
    expect((await world.set("narrow", "team-a/db")).status).toBe(200);
    const refused = await world.set("narrow", "team-b/db");
    expect([refused.status, refused.errors]).toEqual([
      403,
      ["secret/team-b/db is outside of allowed_sources of destination narrow: secret/team-a"],
    ]);
    expect(await world.association("narrow", "team-b/db")).toBeUndefined();
  });

  test("narrowing allowed_sources under associations that are there is done, and tells which it shuts out", async () => {
    await put("narrowed");
    expect((await world.set("narrowed", "team-a/db")).status).toBe(200);
    const wide = await put("narrowed", { allowed_sources: "secret/team-a,secret/team-b" });
    expect([wide.status, wide.body["warnings"]]).toEqual([200, null]);
    const answer = await put("narrowed", { allowed_sources: "secret/team-b" });
    expect([answer.status, answer.body["warnings"]]).toEqual([
      200,
      [
        expect.stringMatching(
          /^allowed_sources shuts out associations that are there: secret\/team-a\/db\. They stay/,
        ),
      ],
    ]);
  });
});
