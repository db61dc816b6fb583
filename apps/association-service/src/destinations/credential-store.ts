// Owns: where destinations' client secrets lie: in the source's own KVv2, under Keyferry's mount, at
// `destinations/<uid>`. They are written before the record that names their version, so that a crash in between leaves
// an unused version, never a record without its secret (hazard client-secret-two-stores).

import { KeyferryError } from "@keyferry/errors";
import type { Credential, Uid } from "@keyferry/contracts";
import type { SecretValue } from "@keyferry/ports";
import type { SecretAddress, SourcePort } from "../ports.ts";

/** The field of the secret that holds the client secret. The sink reads it. */
const CLIENT_SECRET_FIELD = "client_secret";

export class CredentialStore {
  readonly #source: Pick<SourcePort, "putSecret" | "deleteMetadata">;
  readonly #mount: { readonly namespace: string; readonly mount: string };

  constructor(
    source: Pick<SourcePort, "putSecret" | "deleteMetadata">,
    mount: { readonly namespace: string; readonly mount: string },
  ) {
    this.#source = source;
    this.#mount = mount;
  }

  /** Stores a client secret as a new version. */
  async put(uid: Uid, clientSecret: SecretValue): Promise<Credential> {
    const address = this.#addressOf(uid);
    const stored = await this.#source.putSecret(address, { [CLIENT_SECRET_FIELD]: clientSecret });
    // Without a check-and-set parameter there is nothing to conflict with.
    if (stored.kind === "conflict") throw new KeyferryError("conflict", "The client secret was not stored");
    return { kind: "client-secret", path: address.path, version: stored.version };
  }

  /** Removes all versions; fine if there are none. */
  remove(uid: Uid): Promise<void> {
    return this.#source.deleteMetadata(this.#addressOf(uid));
  }

  #addressOf(uid: Uid): SecretAddress {
    return { ...this.#mount, path: `destinations/${uid}` };
  }
}
