// For tests: KVv2 metadata as the reference describes it (sections 4.1 to 4.7), written from there and not from the code
// under test: what both misread would pass.
import type { PresentState, SecretState } from "@keyferry/contracts";

interface ModelVersion {
  createdTime: string;
  deletionTime: string;
  destroyed: boolean;
}

interface ModelSecret {
  createdTime: string;
  current: number;
  oldest: number;
  versions: Map<number, ModelVersion>;
  customMetadata: Record<string, string>;
  deleteVersionAfterMs: number;
}

const VERSIONS_KEPT = 10; // KVv2's own default

export class KvModel {
  readonly #secrets = new Map<string, ModelSecret>();
  readonly #now: () => number;
  #ticks = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  get paths(): string[] {
    return [...this.#secrets.keys()];
  }

  write(path: string): number {
    const secret = this.#secrets.get(path) ?? this.#create(path);
    secret.current += 1;
    const { deleteVersionAfterMs } = secret;
    const deletionTime =
      deleteVersionAfterMs === 0 ? "" : new Date(this.#now() + deleteVersionAfterMs).toISOString();
    secret.versions.set(secret.current, { createdTime: this.#time(), deletionTime, destroyed: false });
    while (secret.versions.size > VERSIONS_KEPT) {
      const first = Math.min(...secret.versions.keys());
      secret.versions.delete(first);
      secret.oldest = first + 1;
    }
    return secret.current;
  }

  remove(path: string, version: number): void {
    const found = this.#secrets.get(path)?.versions.get(version);
    if (found !== undefined && this.#isLive(found)) found.deletionTime = this.#time();
  }

  undelete(path: string, version: number): void {
    const found = this.#secrets.get(path)?.versions.get(version);
    if (found !== undefined && !found.destroyed) found.deletionTime = "";
  }

  destroy(path: string, version: number): void {
    const found = this.#secrets.get(path)?.versions.get(version);
    if (found !== undefined) found.destroyed = true;
  }

  setMetadata(path: string, customMetadata: Record<string, string>, deleteVersionAfterMs = 0): void {
    const secret = this.#secrets.get(path) ?? this.#create(path);
    Object.assign(secret, { customMetadata, deleteVersionAfterMs });
  }

  removeMetadata(path: string): void {
    this.#secrets.delete(path);
  }

  current(path: string): number {
    return this.#secrets.get(path)?.current ?? 0;
  }

  state(path: string): SecretState {
    const secret = this.#secrets.get(path);
    if (secret === undefined) return { kind: "gone" };
    const versions: PresentState["versions"] = {};
    for (const [number, version] of secret.versions) {
      versions[String(number)] = { ...version, live: this.#isLive(version) };
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
      deleteVersionAfter: `${secret.deleteVersionAfterMs / 1_000}s`,
    };
  }

  #create(path: string): ModelSecret {
    const made: ModelSecret = {
      createdTime: this.#time(),
      current: 0,
      oldest: 0,
      versions: new Map(),
      customMetadata: {},
      deleteVersionAfterMs: 0,
    };
    this.#secrets.set(path, made);
    return made;
  }

  #isLive({ destroyed, deletionTime }: ModelVersion): boolean {
    return !destroyed && (deletionTime === "" || Date.parse(deletionTime) > this.#now());
  }

  /** Nanoseconds, different at each call though the clock may stand. */
  #time(): string {
    this.#ticks += 1;
    return new Date(this.#now()).toISOString().replace("Z", `${String(this.#ticks).padStart(6, "0")}Z`);
  }
}
