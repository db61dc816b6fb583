import { SecretValue } from "@keyferry/ports";
import { expect, test } from "vitest";
import { readIdentity } from "./identity.ts";

const OWN = { namespace: "", mount: "keyferry" };
const KEYS = JSON.stringify({ k1: Buffer.alloc(32, 1).toString("base64") });

function world(secrets: Record<string, Record<string, string>>) {
  const bus = {
    instance: {
      get: async () => ({
        value: { major: 1 as const, instanceId: "instanceaaaaa", secretKeyKey: "", createdAt: "" },
        sequence: 1,
        time: 0,
      }),
    },
  };
  const source = {
    async readSecret({ path }: { path: string }) {
      const found = secrets[path];
      if (found === undefined) return { kind: "absent" as const };
      const data = new Map(Object.entries(found).map(([key, value]) => [key, new SecretValue(value)]));
      return { kind: "live" as const, version: 1, data };
    },
  };
  const parts = [bus, source] as unknown as [
    Parameters<typeof readIdentity>[0],
    Parameters<typeof readIdentity>[1],
  ];
  return readIdentity(...parts, OWN, new AbortController().signal);
}

test("an instance is who NATS and the source both say it is", async () => {
  const identity = await world({
    "instance/id": { id: "instanceaaaaa" },
    "instance/tag-keys": { active: "k1", keys: KEYS },
  });
  expect(identity).toMatchObject({ instanceId: "instanceaaaaa", tagKeys: { active: "k1" } });
});

test("cloned-instance: where the source belongs to another instance nothing begins", async () => {
  const secrets = {
    "instance/id": { id: "instancebbbbb" },
    "instance/tag-keys": { active: "k1", keys: KEYS },
  };
  await expect(world(secrets)).rejects.toMatchObject({ code: "instance-mismatch", retry: "later" });
});

test("tag-key-lost: without the tag keys nothing begins, as every name would look foreign", async () => {
  await expect(world({ "instance/id": { id: "instanceaaaaa" } })).rejects.toMatchObject({
    code: "bus-not-provisioned",
  });
  const secrets = {
    "instance/id": { id: "instanceaaaaa" },
    "instance/tag-keys": { active: "k2", keys: KEYS },
  };
  await expect(world(secrets)).rejects.toMatchObject({ code: "source-answer-unknown" });
});
