// Owns: what is made once per installation: the instance's id and key of `<k>` (in the bus), its own mount and tag keys
// (in the source). Invariant: nothing here is ever overwritten; another key of `<k>` would make every secret new, other
// tag keys would make every name in Key Vault foreign (hazard tag-key-lost).

import { KeyferryError } from "@keyferry/errors";
import type { InstanceRecord } from "@keyferry/contracts";
import { newInstanceId } from "@keyferry/naming";
import { type Clock, type Random, SecretValue } from "@keyferry/ports";
import type { BusPort, SourcePort } from "../ports.ts";

const INSTANCE_KEY = "instance";
const KEY_BYTES = 32;
const FIRST_TAG_KEY = "k1";

export interface Chance {
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * The instance's record, made if there is none.
 * @throws KeyferryError `bus-*`
 */
export async function ensureInstance(
  bus: Pick<BusPort, "instance">,
  { clock, random }: Chance,
): Promise<InstanceRecord> {
  const known = await bus.instance.get(INSTANCE_KEY);
  if (known !== undefined) return known.value;
  const record: InstanceRecord = {
    major: 1,
    instanceId: newInstanceId(random),
    secretKeyKey: random.bytes(KEY_BYTES).toString("base64"),
    createdAt: new Date(clock.now()).toISOString(),
  };
  const result = await bus.instance.put(INSTANCE_KEY, record, 0);
  if (result.kind === "stored") return record;
  const winner = await bus.instance.get(INSTANCE_KEY);
  if (winner === undefined) throw new KeyferryError("conflict", "The instance's record came and went");
  return winner.value;
}

/**
 * Makes Keyferry's own mount and in it `instance/tag-keys` and `instance/id`, where they are missing.
 * @throws KeyferryError `source-*`
 */
export async function ensureOwnSecrets(
  source: Pick<SourcePort, "ensureOwnMount" | "putSecret">,
  own: { readonly namespace: string; readonly mount: string },
  instanceId: string,
  random: Random,
): Promise<void> {
  await source.ensureOwnMount(own.mount);
  // cas 0 = only if there is none: who comes second gets a conflict, which is fine.
  const keys = { [FIRST_TAG_KEY]: random.bytes(KEY_BYTES).toString("base64") };
  await source.putSecret(
    { ...own, path: "instance/tag-keys" },
    { active: new SecretValue(FIRST_TAG_KEY), keys: new SecretValue(JSON.stringify(keys)) },
    0,
  );
  await source.putSecret({ ...own, path: "instance/id" }, { id: new SecretValue(instanceId) }, 0);
}
