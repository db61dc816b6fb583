// Owns: one Key Vault as a sink sees it: operations, and outcomes as unions. Failures are KeyferryErrors.
import type { SecretValue } from "@keyferry/ports";

export interface Call {
  readonly signal: AbortSignal;
}

export type ConflictReason = "deleted-recoverable" | "being-deleted" | "being-recovered" | "other";
export type Conflict = { kind: "conflict"; reason: ConflictReason };
export type Absent = { kind: "absent" };

export type Tags = Readonly<Record<string, string>>;

/** Times in milliseconds since 1970; Key Vault keeps whole seconds. */
export interface SecretAttributes {
  readonly contentType?: string | undefined;
  readonly tags: Tags;
  readonly enabled?: boolean | undefined;
  readonly notBefore?: number | undefined;
  readonly expires?: number | undefined;
}

export interface SecretVersion {
  readonly version: string;
  readonly tags: Tags;
  /** Milliseconds since 1970, of whole seconds: it does not order versions (reference). */
  readonly createdOn: number;
  readonly enabled: boolean;
  /** Milliseconds since 1970. */
  readonly notBefore?: number | undefined;
  readonly expires?: number | undefined;
  readonly managed: boolean;
  readonly contentType: string | undefined;
}

/** A secret as a list shows it: of its latest version, but without saying which that is (reference). */
export interface SecretListed {
  readonly name: string;
  readonly tags: Tags;
  readonly updatedOn: number;
  readonly enabled: boolean;
  /** Milliseconds since 1970. */
  readonly notBefore?: number | undefined;
  readonly expires?: number | undefined;
  /** Backs a certificate: never to be written or deleted. */
  readonly managed: boolean;
  readonly contentType: string | undefined;
  /** What can become of it when it is deleted, in Azure's words, as `Recoverable+Purgeable`. */
  readonly recoveryLevel?: string | undefined;
}

export interface KeyVault extends AsyncDisposable {
  /** Canonical, for locks, tags and digests. */
  readonly vaultHost: string;
  /** Handshake and token. Every method sees to it by itself; called before a value is read, it keeps that time short. */
  prime(call: Call): Promise<void>;
  /** Writes a version. One request. */
  put(
    name: string,
    secret: SecretAttributes & { readonly value: SecretValue },
    call: Call,
  ): Promise<{ kind: "put"; version: string } | Conflict>;
  /** Changes tags and attributes of one version; what is left out stays, `tags` replaces all tags. */
  patch(
    name: string,
    version: string,
    change: Partial<SecretAttributes>,
    call: Call,
  ): Promise<{ kind: "patched" } | Absent | Conflict>;
  /** Soft-deletes all versions. Does not look whose they are. */
  delete(name: string, call: Call): Promise<{ kind: "deleted" } | Absent | Conflict>;
  /** Starts the recovery of all versions; when it has ended, a PUT works. Does not look whose they are. */
  recover(name: string, call: Call): Promise<{ kind: "recovering" } | Absent | Conflict>;
  /** Removes a soft-deleted secret for good. `vault-denied` under purge protection. */
  purge(name: string, call: Call): Promise<{ kind: "purged" } | Absent | Conflict>;
  /** The versions of a name, in no order (reference); none if it does not exist. `complete`: false if pagesMax cut it. */
  versions(
    name: string,
    options: Call & { readonly pagesMax: number },
  ): Promise<{ versions: SecretVersion[]; complete: boolean }>;
  /** Whether a version holds this very value. The one read of a value: it stays in here, and only the verdict leaves (P5). */
  compare(name: string, version: string, value: SecretValue, call: Call): Promise<"same" | "different">;
  /** The soft-deleted secret of a name. */
  deleted(
    name: string,
    call: Call,
  ): Promise<{ kind: "deleted"; tags: Tags; recoveryLevel: string | undefined } | Absent>;
  /** All soft-deleted secrets, a page at a time: for a role that may list them and not get one. */
  listDeleted(call: Call): AsyncGenerator<{ readonly name: string; readonly tags: Tags }[]>;
  /** All secrets, a page at a time; a page can be empty without being the last. */
  list(call: Call): AsyncGenerator<SecretListed[]>;
  close(): Promise<void>;
}
