// Owns: the credential of one write of a destination: stored once, however often the record's compare-and-set is lost, and
// taken back if the write certainly comes to nothing (hazard client-secret-two-stores: an answer that is lost is none).

import type { Credential, DestinationRecord, Uid } from "@keyferry/contracts";
import type { CredentialChange } from "./compose-credential.ts";
import type { CredentialStore, StoredCredential } from "./credential-store.ts";

interface Stored {
  readonly uid: Uid;
  readonly credential: StoredCredential;
  readonly isNew: boolean;
}

export class CredentialWrite {
  readonly #store: CredentialStore;
  #stored: Stored | undefined;
  #mayBeNamed = false;

  constructor(store: CredentialStore) {
    this.#store = store;
  }

  /** What the record is to name. `before`: the record as it is. */
  async of(uid: Uid, change: CredentialChange, before: DestinationRecord | undefined): Promise<Credential> {
    switch (change.kind) {
      case "store":
        return this.#put(uid, change, before);
      case "keep":
        return before?.connection.credential ?? { kind: "environment" };
      case "become":
        return change.credential;
      default:
        return change satisfies never;
    }
  }

  /** From now on the record may name what was stored, or certainly does not. */
  mayBeNamed(isSo: boolean): void {
    this.#mayBeNamed = isSo;
  }

  /** Takes back what was stored, unless a record may name it; fine if nothing was. */
  async undo(): Promise<void> {
    const stored = this.#stored;
    if (stored === undefined || this.#mayBeNamed) return;
    this.#stored = undefined;
    if (stored.isNew) await this.#store.remove(stored.uid);
    else await this.#store.drop(stored.uid, stored.credential);
  }

  async #put(
    uid: Uid,
    change: Extract<CredentialChange, { kind: "store" }>,
    before: DestinationRecord | undefined,
  ): Promise<Credential> {
    if (this.#stored?.uid === uid) return this.#stored.credential;
    // Somebody else made, or deleted and made, the destination meanwhile: it has another uid.
    await this.undo();
    const credential = await this.#store.put(uid, change, before?.connection.credential);
    this.#stored = { uid, credential, isNew: before === undefined };
    return credential;
  }
}
