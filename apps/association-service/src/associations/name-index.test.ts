import type { AssociationRecord, DestinationRecord, NameRecord, SyncRecord } from "@keyferry/contracts";
import { expect, test } from "vitest";
import { ASSOCIATION, DESTINATION, command, entry, recordAfter, SYNCED } from "../resolve/fixtures.ts";
import { NameIndex } from "./name-index.ts";

/** An index over tables that the test changes. */
function index() {
  const associations = new Map<string, AssociationRecord>();
  const destinations = new Map<string, DestinationRecord>();
  const results = new Map<string, SyncRecord>();
  const told = {
    association: (_key: string): void => undefined,
    destination: (_uid: string): void => undefined,
    result: (_key: string): void => undefined,
  };
  const rowOf = (key: string, value: AssociationRecord) => ({ key, entry: entry(value, 1) });
  const names = new NameIndex({
    associations: {
      *all() {
        for (const [key, value] of associations) yield rowOf(key, value);
      },
      get: (key) => {
        const value = associations.get(key);
        return value === undefined ? undefined : rowOf(key, value);
      },
      ofDestination: (uid) =>
        [...associations].flatMap(([key, value]) => (value.destination === uid ? [rowOf(key, value)] : [])),
      onChange(listener) {
        told.association = (key) => listener({ key });
        told.destination = (uid) => listener({ destination: uid });
      },
    },
    destinations: {
      byUid: (uid) => {
        const value = destinations.get(uid);
        return value === undefined ? undefined : { key: uid, entry: entry(value, 1) };
      },
    },
    results: {
      get: (key) => {
        const value = results.get(key);
        return value === undefined ? undefined : entry(value, 1);
      },
      onChange: (listener) => {
        told.result = (key) => listener(key, undefined);
        return () => undefined;
      },
    },
  });
  const destination = (name: string, fields: Partial<DestinationRecord> = {}): DestinationRecord => {
    const value = { ...DESTINATION, uid: `${name}uiduiduiduid`, name, ...fields };
    destinations.set(value.uid, value);
    told.destination(value.uid);
    return value;
  };
  const associate = (of: DestinationRecord, path: string, fields: Partial<AssociationRecord> = {}) => {
    const value = { ...wanted(path), destination: of.uid, spec: of.spec, ...fields };
    const key = `${of.uid}.${value.secretKey}`;
    associations.set(key, value);
    told.association(key);
    return { key, value };
  };
  const end = (key: string, record: SyncRecord) => {
    results.set(key, record);
    told.result(key);
  };
  const forget = (key: string) => {
    const uid = associations.get(key)?.destination ?? "";
    associations.delete(key);
    told.destination(uid);
  };
  return { names, destination, associate, end, forget };
}

const wanted = (path: string): AssociationRecord => ({
  ...ASSOCIATION,
  secretKey: path.padEnd(26, "a").slice(0, 26),
  secret: { ...ASSOCIATION.secret, path },
});
const BY_PATH = { ...DESTINATION.spec, nameTemplate: "{{ .SecretPath }}" };
const atHost = (host: string): DestinationRecord["connection"] => ({
  ...DESTINATION.connection,
  keyVaultUri: `https://${host}.vault.azure.net`,
});

test("a name that another association has is found, whatever its case and whatever normalisation made of it", () => {
  const { names, destination, associate } = index();
  const one = destination("one", { spec: BY_PATH });
  associate(one, "app/db");
  expect(names.holderOf(one, wanted("APP-db"))).toMatchObject({
    name: "APP-db",
    association: { secret: { path: "app/db" } },
    destination: { name: "one" },
  });
  expect(names.holderOf(one, wanted("app-dc"))).toBeUndefined();
});

test("its own association does not stand in a refresh's way, and another destination of the vault does", () => {
  const { names, destination, associate } = index();
  const one = destination("one", { spec: BY_PATH, connection: atHost("kv-1") });
  const other = destination("two", { spec: BY_PATH, connection: atHost("KV-1") });
  const elsewhere = destination("six", { spec: BY_PATH, connection: atHost("kv-2") });
  associate(one, "app");
  expect(names.holderOf(one, wanted("app"))).toBeUndefined();
  expect(names.holderOf(other, wanted("app"))?.destination.name).toBe("one");
  expect(names.holderOf(elsewhere, wanted("app"))).toBeUndefined();
});

test("a removed association frees its name, and a changed one has its new name alone", () => {
  const { names, destination, associate } = index();
  const one = destination("one", { spec: BY_PATH });
  associate(one, "app");
  associate(one, "app", { spec: { ...BY_PATH, nameTemplate: "x-{{ .SecretPath }}" } });
  expect(names.holderOf(one, wanted("APP"))).toBeUndefined();
  expect(names.holderOf(one, wanted("x/app"))?.association.secret.path).toBe("app");
  const renamed = destination("two", { spec: { ...BY_PATH, nameTemplate: "X-{{ .SecretPath }}" } });
  expect(names.holderOf(renamed, wanted("app"))?.association.secret.path).toBe("app");
  associate(one, "app", { state: "removed" });
  expect(names.holderOf(renamed, wanted("app"))).toBeUndefined();
});

test("under secret-key the names are those on record, which come and go", () => {
  const { names, destination, associate, end } = index();
  const keys = destination("one", { spec: { ...BY_PATH, granularity: "secret-key" } });
  const path = destination("two", { spec: BY_PATH });
  const { key } = associate(keys, "app");
  expect(names.holderOf(path, wanted("app-port"))).toBeUndefined();
  const record = recordAfter(command({}, 1), SYNCED);
  const [some] = Object.values(record.names);
  if (some === undefined) throw new Error("no name");
  const live: NameRecord = { ...some, name: "App-Port", subKey: "port" };
  end(key, { ...record, names: { "app-port": live } });
  expect(names.holderOf(path, wanted("app/port"))?.association.secret.path).toBe("app");
  end(key, { ...record, names: { "app-port": { ...live, state: "deleted" } } });
  expect(names.holderOf(path, wanted("app/port"))).toBeUndefined();
  expect(names.holderOf(keys, wanted("app"))).toBeUndefined();
});

test("an association that was seen before its destination is indexed when that is seen", () => {
  const { names, destination, associate } = index();
  const unseen: DestinationRecord = { ...DESTINATION, uid: "oneuiduiduiduid", name: "one", spec: BY_PATH };
  associate(unseen, "app");
  const two = destination("two", { spec: BY_PATH });
  expect(names.holderOf(two, wanted("app"))).toBeUndefined();
  destination("one", { spec: BY_PATH });
  expect(names.holderOf(two, wanted("app"))?.destination.name).toBe("one");
});

test("a name that a rule chose has its hash, so that it does not take a person's", () => {
  const { names, destination, associate } = index();
  const one = destination("one", { spec: BY_PATH });
  associate(one, "a_b", { spec: { ...BY_PATH, byRule: true } });
  expect(names.holderOf(one, wanted("a-b"))).toBeUndefined();
});

test("what a rule makes has its name until the rule is gone", () => {
  const { names, destination, associate, forget } = index();
  const one = destination("one", { spec: BY_PATH });
  const { key } = associate(one, "app", { spec: { ...BY_PATH, byRule: true } });
  expect(names.holderOf(one, wanted("APP"))?.association.secret.path).toBe("app");
  forget(key);
  expect(names.holderOf(one, wanted("APP"))).toBeUndefined();
});
