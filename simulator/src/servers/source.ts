// Owns: KVv2 as the reference describes it (sections 4.1 to 4.9), with every state that each secret ever had: what a
// standby shows is an older one, and the oracle reads all of them. Does not own: the client (swap/vault-client.ts).
import type { PresentState } from "@keyferry/contracts";
import type { Scheduler } from "../time/scheduler.ts";
import type { SeededRandom } from "../time/random.ts";

export interface ModelVersion {
  readonly number: number;
  readonly createdTime: string;
  readonly deletionTime: string;
  readonly destroyed: boolean;
  /** JSON text of the data. */
  readonly data: string;
}

export interface ModelSecret {
  readonly createdTime: string;
  readonly current: number;
  readonly oldest: number;
  readonly versions: readonly ModelVersion[];
  readonly customMetadata: Readonly<Record<string, string>>;
  readonly deleteAfterMs: number;
}

/** One state of one secret, from `at` on; undefined: it does not exist. */
export interface Moment {
  readonly at: number;
  readonly secret: ModelSecret | undefined;
}

export interface ModelMount {
  readonly accessor: string;
  readonly secrets: Map<string, Moment[]>;
}

export type SourceChange = (facts: {
  mount: string;
  path: string;
  operation: Operation;
  version?: number;
}) => void;
export type Operation = "write" | "delete" | "undelete" | "destroy" | "metadata-write" | "metadata-delete";

const VERSIONS_KEPT = 10;

export class SourceModel {
  readonly scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly mounts = new Map<string, ModelMount>();
  /** Every mount that ever was, by accessor. */
  readonly everMounts = new Map<string, { path: string; mount: ModelMount }>();
  clusterId = "cluster-1";
  isSealed = false;
  /** Chance that a read is answered by a standby, and how far behind it may be, ms. */
  standbyChance = 0;
  standbyLagMs = 0;
  /** Whether a standby ever answered in this run. */
  hadStandby = false;
  /** When the source's state last jumped back. */
  restoredAt = Number.NEGATIVE_INFINITY;
  onChange: SourceChange = () => undefined;
  #ticks = 0;
  #accessors = 0;
  #saved: Map<string, { accessor: string; secrets: Map<string, ModelSecret | undefined> }> | undefined;

  constructor(scheduler: Scheduler, random: SeededRandom) {
    this.scheduler = scheduler;
    this.#random = random;
  }

  enable(path: string): ModelMount {
    this.#accessors += 1;
    const mount: ModelMount = { accessor: `kv_${this.#accessors}`, secrets: new Map() };
    this.mounts.set(path, mount);
    this.everMounts.set(mount.accessor, { path, mount });
    return mount;
  }

  /** The mount goes with all its secrets: nothing is left, and nobody is told. */
  disable(path: string): void {
    this.mounts.delete(path);
  }

  /** The state now, or what a standby shows. */
  read(mount: ModelMount, path: string): ModelSecret | undefined {
    const isStale = this.standbyChance > 0 && this.#random.chance(this.standbyChance);
    if (isStale) this.hadStandby = true;
    const at = this.scheduler.now - (isStale ? this.#random.fraction() * this.standbyLagMs : 0);
    return stateAt(mount, path, at);
  }

  paths(mount: ModelMount): string[] {
    return [...mount.secrets.keys()].filter((path) => this.now(mount, path) !== undefined).sort();
  }

  now(mount: ModelMount, path: string): ModelSecret | undefined {
    return mount.secrets.get(path)?.at(-1)?.secret;
  }

  write(mountPath: string, path: string, data: string): number | undefined {
    const mount = this.mounts.get(mountPath);
    if (mount === undefined || this.isSealed) return undefined;
    const before = this.now(mount, path) ?? this.#empty();
    const number = before.current + 1;
    const deletionTime =
      before.deleteAfterMs === 0 ? "" : new Date(this.scheduler.now + before.deleteAfterMs).toISOString();
    const version: ModelVersion = { number, createdTime: this.#time(), deletionTime, destroyed: false, data };
    const versions = [...before.versions, version].slice(-VERSIONS_KEPT);
    const oldest = versions.length === VERSIONS_KEPT ? (versions[0]?.number ?? 0) : 0;
    this.#set(mount, path, { ...before, current: number, oldest, versions });
    if (before.deleteAfterMs > 0) this.#expireLater(mount, path, before.deleteAfterMs);
    this.onChange({ mount: mountPath, path, operation: "write", version: number });
    return number;
  }

  /** Deletes, undeletes or destroys one version. */
  change(
    mountPath: string,
    path: string,
    number: number,
    operation: "delete" | "undelete" | "destroy",
  ): void {
    const mount = this.mounts.get(mountPath);
    const before = mount && this.now(mount, path);
    if (mount === undefined || before === undefined || this.isSealed) return;
    const versions = before.versions.map((version) => {
      if (version.number !== number || version.destroyed) return version;
      if (operation === "destroy") return { ...version, destroyed: true };
      if (operation === "undelete") return { ...version, deletionTime: "" };
      return this.isLive(version) ? { ...version, deletionTime: this.#time() } : version;
    });
    this.#set(mount, path, { ...before, versions });
    this.onChange({ mount: mountPath, path, operation });
  }

  setMetadata(
    mountPath: string,
    path: string,
    customMetadata: Record<string, string>,
    deleteAfterMs: number,
  ): void {
    const mount = this.mounts.get(mountPath);
    const before = mount && this.now(mount, path);
    if (mount === undefined || before === undefined || this.isSealed) return;
    this.#set(mount, path, { ...before, customMetadata, deleteAfterMs });
    this.onChange({ mount: mountPath, path, operation: "metadata-write" });
  }

  deleteMetadata(mountPath: string, path: string): void {
    const mount = this.mounts.get(mountPath);
    if (mount === undefined || this.now(mount, path) === undefined || this.isSealed) return;
    this.#set(mount, path, undefined);
    this.onChange({ mount: mountPath, path, operation: "metadata-delete" });
  }

  /** Takes a snapshot of everything. */
  save(): void {
    this.#saved = new Map(
      [...this.mounts].map(([path, mount]) => {
        const secrets = new Map(
          [...mount.secrets.keys()].map((name) => [name, this.now(mount, name)] as const),
        );
        return [path, { accessor: mount.accessor, secrets }] as const;
      }),
    );
  }

  /** Restores it: nothing is audited, versions go back. */
  restore(): boolean {
    if (this.#saved === undefined || this.isSealed) return false;
    this.restoredAt = this.scheduler.now;
    for (const [path, { accessor, secrets }] of this.#saved) {
      const known = this.everMounts.get(accessor)?.mount;
      if (known === undefined) continue;
      this.mounts.set(path, known);
      for (const name of known.secrets.keys()) {
        const restored = secrets.get(name);
        if (this.now(known, name) !== restored) this.#set(known, name, restored);
        for (const version of restored?.versions ?? []) {
          const left =
            version.deletionTime === "" ? 0 : Date.parse(version.deletionTime) - this.scheduler.now;
          if (left > 0) this.#expireLater(known, name, left);
        }
      }
    }
    return true;
  }

  isLive({ destroyed, deletionTime }: ModelVersion, at: number = this.scheduler.now): boolean {
    return !destroyed && (deletionTime === "" || Date.parse(deletionTime) > at);
  }

  /** As a client shows it. */
  present(secret: ModelSecret, at: number = this.scheduler.now): PresentState {
    const versions: PresentState["versions"] = {};
    for (const version of secret.versions) {
      const { number, createdTime, deletionTime, destroyed } = version;
      versions[String(number)] = { createdTime, deletionTime, destroyed, live: this.isLive(version, at) };
    }
    return {
      kind: "present",
      incarnation: secret.createdTime,
      current: secret.current,
      oldest: secret.oldest,
      versions,
      customMetadata: { ...secret.customMetadata },
      maxVersions: 0,
      casRequired: false,
      deleteVersionAfter: `${secret.deleteAfterMs / 1_000}s`,
    };
  }

  #empty(): ModelSecret {
    return {
      createdTime: this.#time(),
      current: 0,
      oldest: 0,
      versions: [],
      customMetadata: {},
      deleteAfterMs: 0,
    };
  }

  #set(mount: ModelMount, path: string, secret: ModelSecret | undefined): void {
    const moments = mount.secrets.get(path) ?? [];
    mount.secrets.set(path, moments);
    moments.push({ at: this.scheduler.now, secret });
  }

  // An expiry changes nothing that is stored; the oracle needs the moment at which it shows.
  #expireLater(mount: ModelMount, path: string, ms: number): void {
    this.scheduler.after(ms + 1, undefined, () => {
      const secret = this.now(mount, path);
      if (secret !== undefined) this.#set(mount, path, { ...secret });
    });
  }

  /** Nanoseconds, different at each call. */
  #time(): string {
    this.#ticks += 1;
    return new Date(this.scheduler.now)
      .toISOString()
      .replace("Z", `${String(this.#ticks).padStart(6, "0")}Z`);
  }
}

export function stateAt(mount: ModelMount, path: string, at: number): ModelSecret | undefined {
  const moments = mount.secrets.get(path) ?? [];
  for (let index = moments.length - 1; index >= 0; index -= 1) {
    const moment = moments[index];
    if (moment !== undefined && moment.at <= at) return moment.secret;
  }
  return undefined;
}
