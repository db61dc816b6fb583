import type { View } from "@keyferry/bus";
import type { DestinationRecord, Uid } from "@keyferry/contracts";
import { createKeyVault, type KeyVault } from "@keyferry/key-vault";
import type { Destinations, OpenDestination } from "../ports.ts";
import { clientOptions, type ClientParts } from "./client-options.ts";
import type { SourceReaders } from "./source-readers.ts";

// Owns: one Key Vault client per destination, kept as long as its connection and credential stay the same.

export interface OpenDestinationsOptions extends ClientParts {
  readonly view: View<DestinationRecord>;
  readonly readers: SourceReaders;
}

interface Opened {
  readonly identity: string;
  readonly vault: KeyVault;
}

export class OpenDestinations implements Destinations, AsyncDisposable {
  readonly #options: OpenDestinationsOptions;
  readonly #opened = new Map<Uid, Promise<Opened>>();

  constructor(options: OpenDestinationsOptions) {
    this.#options = options;
  }

  async open(uid: Uid, signal: AbortSignal): Promise<OpenDestination | undefined> {
    const record = this.#find(uid);
    if (record === undefined) return undefined;
    const source = this.#options.readers.of(record);
    const identity = JSON.stringify(record.connection);
    const known = await this.#opened.get(uid)?.catch(() => undefined);
    if (known?.identity === identity) return { record, vault: known.vault, source };
    if (known !== undefined) await known.vault.close();
    const opening = this.#connect(record, identity, signal);
    this.#opened.set(uid, opening);
    try {
      return { record, vault: (await opening).vault, source };
    } catch (error) {
      this.#opened.delete(uid);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await Promise.all([...this.#opened.values()].map((one) => one.catch(() => undefined)));
    await Promise.all(opened.flatMap((one) => (one === undefined ? [] : [one.vault.close()])));
  }

  #find(uid: Uid): DestinationRecord | undefined {
    let retired: DestinationRecord | undefined;
    for (const [, { value }] of this.#options.view.entries()) {
      if (value.uid !== uid) continue;
      if (value.state !== "retired") return value;
      retired = value;
    }
    return retired;
  }

  async #connect(
    { name, connection }: DestinationRecord,
    identity: string,
    signal: AbortSignal,
  ): Promise<Opened> {
    const credential = await this.#options.credentials.of(name, connection, signal);
    return { identity, vault: createKeyVault(clientOptions(this.#options, connection, credential)) };
  }
}
