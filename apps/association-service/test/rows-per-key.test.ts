// secret-key: one row for each key that Key Vault holds; keys come and go with versions (reference: sections 1.6 and 4).
import type { NameRecord, SyncRecord } from "@keyferry/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "./support/world.ts";

const DESTINATION = "keys";
const PATH = "app/db";
let world: World;
let accessor: string;
beforeAll(async () => {
  world = await startWorld();
  const secret_name_template = "{{ .SecretBaseName }}-{{ .SecretKey }}";
  await world.createDestination(DESTINATION, { granularity: "secret-key", secret_name_template });
  await world.write(PATH);
  ({ accessor } = await world.refOf(PATH));
});
afterAll(() => world[Symbol.asyncDispose]());

type Rows = Record<string, Record<string, unknown>>;
async function rows(): Promise<Rows> {
  const read = await world.call("GET", `sys/sync/destinations/azure-kv/${DESTINATION}/associations`);
  return read.data["associated_secrets"] as Rows;
}

/** As the sink: the record with these names, `key: version`. */
async function holds(
  keys: Readonly<Record<string, number>>,
  change: Partial<SyncRecord> = {},
): Promise<void> {
  const record = await world.end(DESTINATION, PATH, { kind: "synced", version: 1, wrote: true });
  const [some] = Object.values(record.names);
  if (some?.applied === undefined || some.applied === null) throw new Error("nothing was applied");
  const { applied } = some;
  const named = Object.entries(keys).map(([subKey, version]): [string, NameRecord] => [
    `db-${subKey}`,
    { ...some, name: `db-${subKey}`, subKey, applied: { ...applied, version } },
  ]);
  const { uid } = await world.destination(DESTINATION);
  const key = await world.keyOf(PATH);
  const last = await world.bus.results.last(uid, key);
  const names = { ...Object.fromEntries(named), ...change.names };
  await world.bus.results.append(uid, key, { ...record, ...change, names }, last?.sequence ?? 0);
}

test("before anything is written an association has one row, with an empty sub_key", async () => {
  const set = await world.set(DESTINATION, PATH);
  expect(Object.keys(set.data["associated_secrets"] as Rows)).toEqual([`${accessor}/${PATH}`]);
  expect((await rows())[`${accessor}/${PATH}`]).toMatchObject({ sub_key: "", sync_status: "PENDING" });
});

test("then one for each key, by accessor, name and key, with its own external name and version", async () => {
  await world.observe(PATH);
  await world.command(DESTINATION, PATH);
  await holds({ port: 2, host: 1 });
  const found = await rows();
  expect(Object.keys(found)).toEqual([`${accessor}/${PATH}/host`, `${accessor}/${PATH}/port`]);
  expect(found[`${accessor}/${PATH}/port`]).toMatchObject({
    accessor,
    secret_name: PATH,
    sub_key: "port",
    mount: "secret",
    sync_status: "SYNCED",
    external_name: "db-port",
    version: 2,
  });
});

test("a new key gets a row and a dropped one loses its own", async () => {
  await holds({ port: 3, user: 3 });
  expect(Object.values(await rows()).map((row) => row["sub_key"])).toEqual(["port", "user"]);
});

test("it is still one association: in the list, and in the destinations of the secret with all names", async () => {
  const { data } = await world.call("GET", "sys/sync/associations?list=true");
  expect(data).toMatchObject({ keys: [`secret/${PATH}`], total_associations: 1, total_secrets: 1 });
  const of = await world.call("GET", `sys/sync/associations/destinations?mount=secret&secret_name=${PATH}`);
  expect(of.data["associated_destinations"]).toEqual({
    [`azure-kv/${DESTINATION}`]: expect.objectContaining({
      external_names: ["db-port", "db-user"],
      version: 3,
    }),
  });
});

test("a key that is being written for the first time has a row; what was deleted or let go has none", async () => {
  const intent = {
    opId: "op",
    action: "put" as const,
    fence: { epoch: 1, sequence: 1 },
    deadlineMs: 10_000,
  };
  const gone = (name: string, state: NameRecord["state"]) => ({
    [name]: { name, subKey: name, state, applied: null, intent: null },
  });
  await holds(
    { port: 3 },
    {
      names: {
        new: { name: "new", subKey: "new", state: "absent", applied: null, intent },
        ...gone("deleted", "deleted"),
        ...gone("disabled", "disabled"),
        ...gone("released", "released"),
      },
    },
  );
  expect(Object.values(await rows()).map((row) => row["sub_key"])).toEqual(["new", "port"]);
});

test("names of which no key is on record share the association's own row", async () => {
  const name = (text: string): NameRecord => ({ name: text, state: "live", applied: null, intent: null });
  await holds({}, { names: { a: name("a"), b: name("b") } });
  const found = await rows();
  expect(Object.keys(found)).toEqual([`${accessor}/${PATH}`]);
  expect(found[`${accessor}/${PATH}`]).toMatchObject({ sub_key: "", external_names: ["a", "b"] });
});

test("after the last one has gone the association's own row says UNSYNCED", async () => {
  await world.end(DESTINATION, PATH, { kind: "unsynced", wrote: true });
  const found = await rows();
  expect(Object.keys(found)).toEqual([`${accessor}/${PATH}`]);
  expect(found[`${accessor}/${PATH}`]).toMatchObject({ sub_key: "", sync_status: "UNSYNCED" });
});
