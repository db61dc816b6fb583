// Owns: `sys/sync/config` (reference: section 1.2): kept in Keyferry's own mount beside the instance's other facts, so that
// it survives NATS. Written by compare-and-set on the secret's version. Does not own what follows from it: nothing does
// yet. queue_capacity is stored and returned; disabled=true is refused, as no sink would stop.

import { KeyferryError } from "@keyferry/errors";
import { SecretValue } from "@keyferry/ports";
import { z } from "zod";
import { describeIssues, flagField } from "../gateway/coerce.ts";
import { badRequest } from "../gateway/refusal.ts";
import type { SecretAddress, SourcePort } from "../ports.ts";

/** What the API answers. */
export interface SyncConfig extends Readonly<Record<string, unknown>> {
  readonly disabled: false;
  readonly queue_capacity: number;
}

// reference: 1,000,000 by default.
const DEFAULTS: SyncConfig = { disabled: false, queue_capacity: 1_000_000 };
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
  if (disabled === true) {
    throw badRequest(
      "disabled=true is not supported by this release: stop the azure-sink to hold all changes, they are kept",
    );
  }
  if (capacity === null) return { queueCapacity: "reset" };
  return { queueCapacity: capacity ?? "keep" };
}

interface Stored {
  readonly config: SyncConfig;
  /** 0: there is none. */
  readonly version: number | undefined;
}

export class SyncConfigStore {
  readonly #source: Pick<SourcePort, "readSecret" | "putSecret">;
  readonly #address: SecretAddress;

  constructor(
    source: Pick<SourcePort, "readSecret" | "putSecret">,
    own: { readonly namespace: string; readonly mount: string },
  ) {
    this.#source = source;
    this.#address = { ...own, path: "instance/sync-config" };
  }

  /** @throws KeyferryError `source-*` */
  async read(signal?: AbortSignal): Promise<SyncConfig> {
    return (await this.#stored(signal)).config;
  }

  /** @throws KeyferryError `conflict`, `source-*` */
  async patch({ queueCapacity }: SyncConfigFields, signal?: AbortSignal): Promise<SyncConfig> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const { config, version } = await this.#stored(signal);
      if (queueCapacity === "keep") return config;
      const capacity = queueCapacity === "reset" ? DEFAULTS.queue_capacity : queueCapacity;
      const data = { [FIELD]: new SecretValue(String(capacity)) };
      const result = await this.#source.putSecret(this.#address, data, version, signal);
      if (result.kind === "stored") return { ...DEFAULTS, queue_capacity: capacity };
    }
    throw new KeyferryError("conflict", "Others kept writing sys/sync/config");
  }

  /** Back to the defaults. @throws as `patch` */
  reset(signal?: AbortSignal): Promise<SyncConfig> {
    return this.patch({ queueCapacity: "reset" }, signal);
  }

  async #stored(signal?: AbortSignal): Promise<Stored> {
    const read = await this.#source.readSecret(this.#address, undefined, signal);
    if (read.kind === "absent") return { config: DEFAULTS, version: 0 };
    // Somebody deleted the version by hand: which one the next write follows isn't known, so it isn't compared.
    if (read.kind === "dead") return { config: DEFAULTS, version: undefined };
    const capacity = capacitySchema.safeParse(Number(read.data.get(FIELD)?.reveal()));
    const config = capacity.success ? { ...DEFAULTS, queue_capacity: capacity.data } : DEFAULTS;
    return { config, version: read.version };
  }
}
