// Owns: the file that tells a parent process where this one listens (KEYFERRY_READY_FILE), as ports may be chosen by
// the system. It says where, not whether it is ready: /readyz does that.
import { rename, writeFile } from "node:fs/promises";

export const READY_FILE_VARIABLE = "KEYFERRY_READY_FILE";

/** Facts for the parent: addresses as `host:port`. */
export type Announcement = Readonly<Record<string, string>>;

/** Keeps the ready file; does nothing where none is asked for. */
export class ReadyFile {
  readonly #path: string | undefined;
  #facts: Announcement = {};
  #written: Promise<void> = Promise.resolve();

  constructor(path: string | undefined) {
    this.#path = path === "" ? undefined : path;
  }

  /** Adds facts and writes the file again, whole: a reader sees the old one or the new one, never half of one. */
  announce(facts: Announcement): Promise<void> {
    this.#facts = { ...this.#facts, ...facts };
    const text = `${JSON.stringify(this.#facts)}\n`;
    const write = async (path: string): Promise<void> => {
      const draft = `${path}.${process.pid}.tmp`;
      await writeFile(draft, text);
      await rename(draft, path);
    };
    const path = this.#path;
    if (path !== undefined) this.#written = this.#written.then(() => write(path));
    return this.#written;
  }
}
