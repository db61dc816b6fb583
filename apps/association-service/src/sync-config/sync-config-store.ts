// Owns: `sys/sync/config` (reference: section 1.2): kept in Keyferry's own mount beside the instance's other facts, so that
// it survives NATS. Written by compare-and-set on the secret's version. queue_capacity is stored and returned, nothing
// follows from it. `disabled` is no field of its own: it is whether everything is paused (pauses/).

import { KeyferryError } from "@keyferry/errors";
import { SecretValue } from "@keyferry/ports";
import { z } from "zod";
import { describeIssues, flagField } from "../gateway/coerce.ts";
import { badRequest } from "../gateway/refusal.ts";
import type { PauseStore } from "../pauses/pause-store.ts";
import type { SecretAddress, SourcePort } from "../ports.ts";

/** What the API answers. */
export interface SyncConfig extends Readonly<Record<string, unknown>> {
  readonly disabled: boolean;
  readonly queue_capacity: number;
}

// reference: 1,000,000 by default.
const CAPACITY = 1_000_000;
/** Why everything is paused, where nobody said why. */
const DISABLED = "disabled=true of sys/sync/config";
// A number that every client reads exactly; Vault's own is an int.
const CAPACITY_MAX = 2_147_483_647;
const CAPACITY_FIX = `is not a whole number from 1 to ${CAPACITY_MAX}`;
// Two people at the same moment; more in a row is somebody's loop.
const ATTEMPTS_MAX = 5;
const FIELD = "queue_capacity";

const capacitySchema = z.int(CAPACITY_FIX).min(1, CAPACITY_FIX).max(CAPACITY_MAX, CAPACITY_FIX);

/** As clients send them; the command line sends strings. */
export const syncConfigFieldsSchema = z.object({
  disabled: flagField.nullish(),
  queue_capacity: z
    .union([z.number(), z.string().regex(/^\d+$/).transform(Number)], CAPACITY_FIX)
    .pipe(capacitySchema)
    .nullish(),
});

/** The fields of a PATCH; `reset` takes the value away (RFC 7396). */
export interface SyncConfigFields {
  readonly disabled: boolean | "keep";
  readonly queueCapacity: number | "reset" | "keep";
}

/**
 * Reads the fields of a PATCH.
 * @throws Refusal 400 naming each wrong field
 */
export function readSyncConfigFields(body: Readonly<Record<string, unknown>>): SyncConfigFields {
  const parsed = syncConfigFieldsSchema.safeParse(body);
  if (!parsed.success) throw badRequest(...describeIssues(parsed.error));
  const { disabled, queue_capacity: capacity } = parsed.data;
  return {
    disabled: disabled === undefined ? "keep" : disabled === true,
    queueCapacity: capacity === null ? "reset" : (capacity ?? "keep"),
  };
}

interface Stored {
  readonly capacity: number;
  /** 0: there is none. */
  readonly version: number | undefined;
}

export interface SyncConfigStoreOptions {
  readonly source: Pick<SourcePort, "readSecret" | "putSecret">;
  /** Keyferry's own mount. */
  readonly own: { readonly namespace: string; readonly mount: string };
  readonly pauses: Pick<PauseStore, "read" | "pause" | "resume">;
}

export class SyncConfigStore {
  readonly #source: SyncConfigStoreOptions["source"];
  readonly #pauses: SyncConfigStoreOptions["pauses"];
  readonly #address: SecretAddress;

  constructor({ source, own, pauses }: SyncConfigStoreOptions) {
    this.#source = source;
    this.#pauses = pauses;
    this.#address = { ...own, path: "instance/sync-config" };
  }

  /** @throws KeyferryError `source-*`, `bus-*` */
  async read(signal?: AbortSignal): Promise<SyncConfig> {
    const [{ capacity }, { all }] = await Promise.all([this.#stored(signal), this.#pauses.read()]);
    return { disabled: all !== null, queue_capacity: capacity };
  }

  /** @throws KeyferryError `conflict`, `source-*`, `bus-*` */
  async patch({ disabled, queueCapacity }: SyncConfigFields, signal?: AbortSignal): Promise<SyncConfig> {
    if (queueCapacity !== "keep") {
      await this.#put(queueCapacity === "reset" ? CAPACITY : queueCapacity, signal);
    }
    const all = { kind: "all" } as const;
    // One that is paused already keeps its reason.
    if (disabled === true && (await this.#pauses.read()).all === null)
      await this.#pauses.pause(all, DISABLED);
    if (disabled === false) await this.#pauses.resume(all);
    return this.read(signal);
  }

  /** Back to the defaults. @throws as `patch` */
  reset(signal?: AbortSignal): Promise<SyncConfig> {
    return this.patch({ disabled: false, queueCapacity: "reset" }, signal);
  }

  async #put(capacity: number, signal?: AbortSignal): Promise<void> {
    const data = { [FIELD]: new SecretValue(String(capacity)) };
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const { version } = await this.#stored(signal);
      if ((await this.#source.putSecret(this.#address, data, version, signal)).kind === "stored") return;
    }
    throw new KeyferryError("conflict", "Others kept writing sys/sync/config");
  }

  async #stored(signal?: AbortSignal): Promise<Stored> {
    const read = await this.#source.readSecret(this.#address, undefined, signal);
    if (read.kind === "absent") return { capacity: CAPACITY, version: 0 };
    // Somebody deleted the version by hand: which one the next write follows isn't known, so it isn't compared.
    if (read.kind === "dead") return { capacity: CAPACITY, version: undefined };
    const capacity = capacitySchema.safeParse(Number(read.data.get(FIELD)?.reveal()));
    return { capacity: capacity.success ? capacity.data : CAPACITY, version: read.version };
  }
}
