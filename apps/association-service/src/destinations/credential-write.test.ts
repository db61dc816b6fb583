import type { Credential, DestinationRecord } from "@keyferry/contracts";
import { SecretValue } from "@keyferry/ports";
import { expect, test } from "vitest";
import { CredentialStore } from "./credential-store.ts";
import { CredentialWrite } from "./credential-write.ts";

const CHANGE = { kind: "store", as: "client-secret", secret: new SecretValue("s") } as const;

/** A store on a source that only counts. */
function storing() {
  const calls: string[] = [];
  let version = 0;
  const source = {
    readMetadata: async () => ({ kind: "present", state: { current: version } }) as const,
    keepVersions: async () => undefined,
    putSecret: async () => {
      version += 1;
      calls.push(`put ${version}`);
      return { kind: "stored", version } as const;
    },
    destroyVersion: async (_secret: unknown, destroyed: number) => void calls.push(`destroy ${destroyed}`),
    deleteMetadata: async () => void calls.push("delete"),
  };
  return {
    calls,
    write: new CredentialWrite(new CredentialStore(source, { namespace: "", mount: "keyferry" })),
  };
}

function named(credential: Credential): DestinationRecord {
  return { connection: { credential } } as DestinationRecord;
}

test("it is stored once, however often the record's compare-and-set is lost", async () => {
  const { calls, write } = storing();
  const first = await write.of("uid", CHANGE, undefined);
  write.mayBeNamed(true);
  write.mayBeNamed(false);
  expect(await write.of("uid", CHANGE, undefined)).toEqual(first);
  expect(calls).toEqual(["put 1"]);
});

test("client-secret-two-stores: a write that certainly came to nothing takes its secret back, that of another stays", async () => {
  const replacing = storing();
  await replacing.write.of("uid", CHANGE, named({ kind: "client-secret", path: "p", version: 1 }));
  await replacing.write.undo();
  await replacing.write.undo();
  expect(replacing.calls).toEqual(["put 1", "destroy 1"]);
  const creating = storing();
  await creating.write.of("uid", CHANGE, undefined);
  await creating.write.undo();
  expect(creating.calls).toEqual(["put 1", "delete"]);
});

test("client-secret-two-stores: where NATS's answer is lost the record may name it, so it stays", async () => {
  const { calls, write } = storing();
  await write.of("uid", CHANGE, undefined);
  write.mayBeNamed(true);
  await write.undo();
  expect(calls).toEqual(["put 1"]);
});

test("where another destination of the name was made meanwhile, the secret moves to it", async () => {
  const { calls, write } = storing();
  await write.of("mine", CHANGE, undefined);
  await write.of("theirs", CHANGE, named({ kind: "environment" }));
  expect(calls).toEqual(["put 1", "delete", "put 2"]);
});
