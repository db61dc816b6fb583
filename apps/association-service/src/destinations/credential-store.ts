// Owns: where destinations' client secrets and certificates lie: in the source's own KVv2, under Keyferry's mount, at
// `destinations/<uid>`. They are written before the record that names their version, so that a crash in between leaves
// an unused version, never a record without its secret (hazard client-secret-two-stores).
// Invariant: of old secrets at most one stays; but the version that the record names is never pushed out, however many
// unused ones lie above it.

import type { Credential, Uid } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import type { SecretAddress, SourcePort } from "../ports.ts";
import type { CredentialChange } from "./compose-credential.ts";

type Source = Pick<
  SourcePort,
  "putSecret" | "readMetadata" | "keepVersions" | "destroyVersion" | "deleteMetadata"
>;
type Store = Extract<CredentialChange, { kind: "store" }>;
export type StoredCredential = Extract<Credential, { path: string }>;

/** The fields of the secret that hold them. The sink reads them. */
const FIELDS = { "client-secret": "client_secret", certificate: "client_certificate" } as const;

// The one in use and the one before, which a sink may just be reading.
const VERSIONS_KEPT = 2;

export class CredentialStore {
  readonly #source: Source;
  readonly #mount: { readonly namespace: string; readonly mount: string };

  constructor(source: Source, mount: { readonly namespace: string; readonly mount: string }) {
    this.#source = source;
    this.#mount = mount;
  }

  /** Stores it as a new version. `inUse`: what the destination's record names now. */
  async put(uid: Uid, { as, secret }: Store, inUse: Credential | undefined): Promise<StoredCredential> {
    const address = this.#addressOf(uid);
    const named = inUse !== undefined && "version" in inUse ? inUse.version : undefined;
    const read = named === undefined ? undefined : await this.#source.readMetadata(address);
    const current = read?.kind === "present" ? read.state.current : 0;
    // Unused ones above the named: a write that ended in between, or was refused.
    const unused = named === undefined ? 0 : Math.max(0, current - named);
    await this.#source.keepVersions(address, VERSIONS_KEPT + unused);
    const stored = await this.#source.putSecret(address, { [FIELDS[as]]: secret });
    // Without a check-and-set parameter there is nothing to conflict with.
    if (stored.kind === "conflict") throw new KeyferryError("conflict", "The credential was not stored");
    return { kind: as, path: address.path, version: stored.version };
  }

  /** Takes one back that no record names. */
  drop(uid: Uid, { version }: StoredCredential): Promise<void> {
    return this.#source.destroyVersion(this.#addressOf(uid), version);
  }

  /** Removes all versions; fine if there are none. */
  remove(uid: Uid): Promise<void> {
    return this.#source.deleteMetadata(this.#addressOf(uid));
  }

  #addressOf(uid: Uid): SecretAddress {
    return { ...this.#mount, path: `destinations/${uid}` };
  }
}
