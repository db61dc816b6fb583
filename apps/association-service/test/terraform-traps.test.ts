// The eleven traps of Terraform's provider (reference: section 9): what its code does with our answers, as its requests.
import { afterAll, beforeAll, expect, test } from "vitest";
import { CONNECTION, startWorld, type World } from "./support/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({ gateway: true });
  await world.write("tf/one");
});
afterAll(() => world[Symbol.asyncDispose]());

const MERGE = { headers: { "content-type": "application/merge-patch+json" } };
const urlOf = (name: string) => `sys/sync/destinations/azure-kv/${name}`;
// A vault of its own for each, as one name can't be taken twice.
const uriOf = (name: string) => `https://kv-${name}.vault.azure.net`;
const put = (name: string, fields: Record<string, unknown> = {}) =>
  world.call("PUT", urlOf(name), { ...CONNECTION, key_vault_uri: uriOf(name), ...fields });
const options = (data: Record<string, unknown>) => data["options"] as Record<string, unknown>;
const details = (data: Record<string, unknown>) => data["connection_details"] as Record<string, unknown>;
const rowsOf = (data: Record<string, unknown>) =>
  Object.values(data["associated_secrets"] as Record<string, Record<string, unknown>>);

test("trap 1: OpenBao's version opens every gate, so networking and identity fields at their defaults pass", async () => {
  const status = await world.call("GET", "sys/seal-status", undefined, { token: null });
  expect(Number(String(status.body["version"]).split(".")[0])).toBeGreaterThanOrEqual(2);
  const answer = await put("trap-1", { allowed_ports: [], identity_token_ttl: 0, identity_token_key: "" });
  expect(answer.status).toBe(200);
});

test("trap 1: networking fields come back as sent, numbers as numbers, and a PUT without them takes them away", async () => {
  const networking = {
    disable_strict_networking: true,
    allowed_ipv4_addresses: ["10.1.2.0/24"],
    allowed_ipv6_addresses: ["fd00::/8"],
    allowed_ports: [443, 8443],
  };
  expect(details((await put("trap-1n", networking)).data)).toMatchObject(networking);
  const again = details((await put("trap-1n")).data);
  for (const name of Object.keys(networking)) expect(again).not.toHaveProperty(name);
});

test("trap 10: the life of an identity token comes back as a number, and its audience is masked as Vault masks it", async () => {
  const answer = await put("trap-10w", {
    client_secret: undefined,
    identity_token_audience: "api://AzureADTokenExchange",
    identity_token_ttl: "30m",
  });
  expect(details(answer.data)).toMatchObject({ identity_token_ttl: 1800, identity_token_audience: "*****" });
});

test("trap 2: what Terraform does not know is not taken away by what it leaves out", async () => {
  const own = {
    ownership: "adopt",
    on_delete: "retain",
    vault_tag: true,
    hand_edits: "repair",
    version_per_version: false,
    rate_group: "west",
    delete_guard_minimum: 3,
    delete_guard_hourly_percent: 5,
    delete_guard_daily_percent: 20.5,
    source_role: "team-a",
    allowed_sources: ["secret/team-a"],
  };
  expect(options((await put("trap-2x", own)).data)).toMatchObject(own);
  expect(options((await put("trap-2x")).data)).toMatchObject(own);
  const emptied = await world.call(
    "PATCH",
    urlOf("trap-2x"),
    { ownership: null, allowed_sources: "" },
    MERGE,
  );
  expect(options(emptied.data)).not.toHaveProperty("ownership");
  expect(options(emptied.data)).not.toHaveProperty("allowed_sources");
  expect(options(emptied.data)).toMatchObject({ on_delete: "retain" });
});

test("trap 2: what a PUT omits goes back to its default, but the secret stays", async () => {
  await put("trap-2", { custom_tags: { a: "b" }, granularity: "secret-key" });
  const { client_secret: _, ...omitted } = CONNECTION;
  const answer = await world.call("PUT", urlOf("trap-2"), { ...omitted, key_vault_uri: uriOf("trap-2") });
  expect(options(answer.data)).toMatchObject({ custom_tags: {}, granularity_level: "secret-path" });
  expect(details(answer.data)["client_secret"]).toBe("*****");
});

test("trap 3: granularity is read from options.granularity_level, as it was sent", async () => {
  const answer = await put("trap-3", { granularity: "secret-key" });
  expect(options(answer.data)["granularity_level"]).toBe("secret-key");
  expect(answer.data).not.toHaveProperty("granularity");
});

test("trap 4: the effective template comes back byte for byte", async () => {
  const secret_name_template = "  {{-  .SecretPath   | uppercase -}}  x";
  await put("trap-4", { secret_name_template });
  const read = await world.call("GET", urlOf("trap-4"));
  expect(options(read.data)["secret_name_template"]).toBe(secret_name_template);
});

test("trap 5: key_vault_uri and tenant_id come back as sent, and an unset cloud is omitted", async () => {
  const sent = {
    key_vault_uri: "https://KV-5.vault.azure.net/",
    tenant_id: "ABCDEF11-2222-3333-4444-555555555555",
  };
  await put("trap-5", sent);
  const read = await world.call("GET", urlOf("trap-5"));
  expect(details(read.data)).toMatchObject(sent);
  expect(details(read.data)).not.toHaveProperty("cloud");
});

test("trap 6: right after set the row matches by secret_name and by the accessor of sys/mounts", async () => {
  await put("trap-6");
  await world.set("trap-6", "tf/one");
  const mount = await world.call("GET", "sys/mounts/secret");
  const read = await world.call("GET", `${urlOf("trap-6")}/associations`);
  const matches = rowsOf(read.data).filter(
    (row) => row["secret_name"] === "tf/one" && row["accessor"] === mount.data["accessor"],
  );
  expect(matches).toHaveLength(1);
});

test("trap 7: the associations of a destination are never 404, whether it is there, was, or never has been", async () => {
  await put("trap-7");
  const read = () => world.call("GET", `${urlOf("trap-7")}/associations`);
  const empty = { store_name: "trap-7", store_type: "azure-kv", associated_secrets: {} };
  const before = await read();
  expect([before.status, before.data]).toEqual([200, empty]);
  expect((await world.call("DELETE", urlOf("trap-7"))).status).toBe(204);
  const after = await read();
  expect([after.status, after.data]).toEqual([200, empty]);
  const never = await world.call("GET", `${urlOf("never-made")}/associations`);
  expect([never.status, rowsOf(never.data)]).toEqual([200, []]);
});

test("trap 8: destroy removes the association and then the destination, without purge, and neither waits", async () => {
  await put("trap-8");
  await world.set("trap-8", "tf/one");
  await world.observe("tf/one");
  await world.command("trap-8", "tf/one");
  expect((await world.remove("trap-8", "tf/one")).status).toBe(200);
  expect((await world.call("DELETE", urlOf("trap-8"))).status).toBe(204);
});

test("trap 9: an import by the bare name reads what a create had answered", async () => {
  const created = await put("trap-9");
  const imported = await world.call("GET", urlOf("trap-9"));
  expect([imported.data["name"], imported.data]).toEqual(["trap-9", created.data]);
});

test("trap 10: queue_capacity is a JSON number, and no number is ever masked", async () => {
  expect((await world.call("GET", "sys/sync/config")).data["queue_capacity"]).toBe(1_000_000);
  const headers = { "content-type": "application/merge-patch+json" };
  const patched = await world.call("PATCH", "sys/sync/config", { queue_capacity: "500000" }, { headers });
  expect(patched.data).toEqual({ disabled: false, queue_capacity: 500_000 });
  const masked = Object.entries(details((await put("trap-10")).data)).filter(
    ([, value]) => value === "*****",
  );
  expect(masked.map(([name]) => name)).toEqual(["client_secret"]);
});

test("trap 11: a row has sub_key, sync_status and updated_at, the sub_key empty under secret-path", async () => {
  await put("trap-11");
  const set = await world.set("trap-11", "tf/one");
  expect(rowsOf(set.data)).toEqual([
    expect.objectContaining({
      sub_key: "",
      sync_status: "PENDING",
      updated_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    }),
  ]);
});
