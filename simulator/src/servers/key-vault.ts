// Owns: Key Vaults as the reference describes them: names, versions, tags, soft deletion that takes its time, limits.
// Does not own: the client (swap/key-vault.ts), and whether what happens is right (oracle/).
import type { Scheduler } from "../time/scheduler.ts";

export interface VaultVersion {
  readonly id: string;
  readonly value: string;
  readonly contentType: string | undefined;
  tags: Readonly<Record<string, string>>;
  enabled: boolean;
  /** Milliseconds of whole seconds. */
  readonly createdOn: number;
  updatedOn: number;
  readonly by: Writer;
  readonly order: number;
}

export type Writer = "keyferry" | "foreign";

export interface VaultSecret {
  readonly name: string;
  readonly versions: VaultVersion[];
  readonly createdAt: number;
  state: "active" | "deleted" | "recovering";
  /** Until then it is being deleted, or being recovered. */
  settledAt: number;
  readableAt: number;
}

export type Phase = "active" | "deleting" | "deleted" | "recovering";

export interface VaultEffect {
  readonly kind: "put" | "patch" | "delete" | "recover" | "purge";
  readonly host: string;
  readonly name: string;
  readonly version: VaultVersion | undefined;
  readonly by: Writer;
  /** As it was just before. */
  readonly before:
    | { readonly phase: Phase; readonly versions: readonly VaultVersion[]; readonly createdAt: number }
    | undefined;
}

export class VaultRefusal extends Error {
  readonly what:
    | "absent"
    | "deleted-recoverable"
    | "being-deleted"
    | "being-recovered"
    | "throttled"
    | "other";

  constructor(what: VaultRefusal["what"]) {
    super(what);
    this.what = what;
  }
}

export interface VaultDelays {
  readonly deletingMs: number;
  readonly readableMs: number;
  readonly recoveringMs: number;
}

const WINDOW_MS = 10_000;

export class KeyVaultModel {
  readonly scheduler: Scheduler;
  readonly #secrets = new Map<string, Map<string, VaultSecret>>();
  readonly #creates = new Map<string, number[]>();
  readonly #arrivals = new Map<string, number[]>();
  /** Creates per vault in 10 s. */
  createLimit = 300;
  delays: VaultDelays = { deletingMs: 5_000, readableMs: 1_000, recoveringMs: 10_000 };
  onEffect: (effect: VaultEffect) => void = () => undefined;
  /** A create arrived; `recent`: creates of this vault in the window that ends with it, refused ones too. */
  onCreate: (host: string, by: Writer, recent: number) => void = () => undefined;
  throttled = 0;
  #versions = 0;

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
  }

  /** Every secret of a vault, deleted ones too. */
  secretsOf(host: string): VaultSecret[] {
    return [...(this.#secrets.get(host)?.values() ?? [])];
  }

  get hosts(): string[] {
    return [...this.#secrets.keys()];
  }

  find(host: string, name: string): VaultSecret | undefined {
    return this.#secrets.get(host)?.get(name.toLowerCase());
  }

  phaseOf(secret: VaultSecret): Phase {
    const { now } = this.scheduler;
    if (secret.state === "deleted") return now < secret.settledAt ? "deleting" : "deleted";
    if (secret.state === "recovering") return now < secret.settledAt ? "recovering" : "active";
    return "active";
  }

  /** Whether GET and lists show it. */
  isReadable(secret: VaultSecret): boolean {
    const phase = this.phaseOf(secret);
    return phase === "active" || (phase === "recovering" && this.scheduler.now >= secret.readableAt);
  }

  put(
    host: string,
    name: string,
    content: { value: string; tags: Readonly<Record<string, string>>; contentType?: string | undefined },
    by: Writer,
  ): VaultVersion {
    this.#countCreate(host, by);
    const found = this.find(host, name);
    if (found !== undefined) this.#refuseUnlessActive(found);
    const { now } = this.scheduler;
    const secret = found ?? this.#make(host, name);
    const before = found === undefined ? undefined : this.#pictureOf(found);
    this.#versions += 1;
    const version: VaultVersion = {
      id: this.#versions.toString(16).padStart(32, "0"),
      value: content.value,
      contentType: content.contentType,
      tags: { ...content.tags },
      enabled: true,
      createdOn: Math.floor(now / 1000) * 1000,
      updatedOn: Math.floor(now / 1000) * 1000,
      by,
      order: this.#versions,
    };
    secret.versions.push(version);
    secret.state = "active";
    this.onEffect({ kind: "put", host, name: secret.name, version, by, before });
    return version;
  }

  patch(
    host: string,
    name: string,
    id: string,
    change: { tags?: Readonly<Record<string, string>> | undefined; enabled?: boolean | undefined },
    by: Writer,
  ): void {
    const secret = this.find(host, name);
    if (secret === undefined) throw new VaultRefusal("absent");
    const phase = this.phaseOf(secret);
    if (phase === "deleted") throw new VaultRefusal("absent");
    this.#refuseUnlessActive(secret);
    const version = secret.versions.find((one) => one.id === id);
    if (version === undefined) throw new VaultRefusal("absent");
    const before = this.#pictureOf(secret);
    if (change.tags !== undefined) version.tags = { ...change.tags };
    if (change.enabled !== undefined) version.enabled = change.enabled;
    version.updatedOn = Math.floor(this.scheduler.now / 1000) * 1000;
    this.onEffect({ kind: "patch", host, name: secret.name, version, by, before });
  }

  delete(host: string, name: string, by: Writer): void {
    const secret = this.find(host, name);
    if (secret === undefined || this.phaseOf(secret) === "deleted") throw new VaultRefusal("absent");
    this.#refuseUnlessActive(secret);
    const before = this.#pictureOf(secret);
    secret.state = "deleted";
    secret.settledAt = this.scheduler.now + this.delays.deletingMs;
    this.onEffect({ kind: "delete", host, name: secret.name, version: latestOf(secret), by, before });
  }

  recover(host: string, name: string, by: Writer): void {
    const secret = this.find(host, name);
    if (secret === undefined) throw new VaultRefusal("absent");
    const phase = this.phaseOf(secret);
    if (phase === "active") throw new VaultRefusal("absent");
    if (phase === "deleting") throw new VaultRefusal("being-deleted");
    if (phase === "recovering") throw new VaultRefusal("other");
    const before = this.#pictureOf(secret);
    secret.state = "recovering";
    secret.settledAt = this.scheduler.now + this.delays.recoveringMs;
    secret.readableAt = this.scheduler.now + this.delays.readableMs;
    this.onEffect({ kind: "recover", host, name: secret.name, version: latestOf(secret), by, before });
  }

  purge(host: string, name: string, by: Writer): void {
    const secret = this.find(host, name);
    if (secret === undefined || this.phaseOf(secret) === "active") throw new VaultRefusal("absent");
    if (this.phaseOf(secret) !== "deleted") throw new VaultRefusal("other");
    const before = this.#pictureOf(secret);
    this.#secrets.get(host)?.delete(name.toLowerCase());
    this.onEffect({ kind: "purge", host, name: secret.name, version: latestOf(secret), by, before });
  }

  /** Creates of the last 10 s. */
  createsOf(host: string): number {
    const from = this.scheduler.now - WINDOW_MS;
    return (this.#creates.get(host) ?? []).filter((at) => at > from).length;
  }

  #countCreate(host: string, by: Writer): void {
    this.#countArrival(host, by);
    const from = this.scheduler.now - WINDOW_MS;
    const recent = (this.#creates.get(host) ?? []).filter((at) => at > from);
    this.#creates.set(host, recent);
    if (recent.length >= this.createLimit) {
      this.throttled += 1;
      throw new VaultRefusal("throttled");
    }
    recent.push(this.scheduler.now);
  }

  #countArrival(host: string, by: Writer): void {
    const from = this.scheduler.now - WINDOW_MS;
    const recent = (this.#arrivals.get(host) ?? []).filter((at) => at > from);
    recent.push(this.scheduler.now);
    this.#arrivals.set(host, recent);
    this.onCreate(host, by, recent.length);
  }

  #refuseUnlessActive(secret: VaultSecret): void {
    const phase = this.phaseOf(secret);
    if (phase === "deleting") throw new VaultRefusal("being-deleted");
    if (phase === "deleted") throw new VaultRefusal("deleted-recoverable");
    if (phase === "recovering") throw new VaultRefusal("being-recovered");
  }

  #make(host: string, name: string): VaultSecret {
    const ofHost = this.#secrets.get(host) ?? new Map<string, VaultSecret>();
    this.#secrets.set(host, ofHost);
    const { now } = this.scheduler;
    const made: VaultSecret = {
      name,
      versions: [],
      createdAt: now,
      state: "active",
      settledAt: 0,
      readableAt: 0,
    };
    ofHost.set(name.toLowerCase(), made);
    return made;
  }

  #pictureOf(secret: VaultSecret): NonNullable<VaultEffect["before"]> {
    return { phase: this.phaseOf(secret), versions: [...secret.versions], createdAt: secret.createdAt };
  }
}

/** The version that a GET without one shows. */
export function latestOf(secret: VaultSecret): VaultVersion | undefined {
  return secret.versions.at(-1);
}
