// Owns: the file that keeps the vaults over restarts. Written whole beside the old one and moved over it, so that a
// crash leaves one or the other. It holds values, so only its owner may read it.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { readSnapshot } from "./snapshot.ts";
import type { EmulatorSnapshot } from "./snapshot.ts";

/** Changes are gathered this long before they are written: a crash may lose as much. */
const GATHER_MS = 250;

/** Writes the state some time after it was touched. */
export class StateFile {
  readonly #path: string;
  readonly #take: () => EmulatorSnapshot;
  #timer: NodeJS.Timeout | undefined;

  constructor(path: string, take: () => EmulatorSnapshot) {
    this.#path = path;
    this.#take = take;
  }

  /** What the file holds; undefined where there is none. Throws where it cannot be understood. */
  static read(path: string): EmulatorSnapshot | undefined {
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    return readSnapshot(JSON.parse(text));
  }

  /** Says that the state has changed. */
  touch(): void {
    this.#timer ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  /** Writes now. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const fresh = `${this.#path}.new`;
    writeFileSync(fresh, JSON.stringify(this.#take()), { mode: 0o600 });
    renameSync(fresh, this.#path);
  }
}
