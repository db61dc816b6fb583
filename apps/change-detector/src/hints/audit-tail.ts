// Owns: following an audit file by inode and offset, across rotation by rename, copytruncate and a file that isn't there
// yet. Does not own: what a line means. Invariants: a line is given once, whole, in order; whatever may have been missed
// is reported as a gap; lines are not kept (hazard audit-file-rotated).
import { type FSWatcher, watch } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { AUDIT_LINE_CHARACTERS_MAX } from "@keyferry/vault-client";
import type { Clock } from "@keyferry/ports";
import { WakeableSleep } from "../alarm/wakeable-sleep.ts";
import { LineSplitter } from "./line-splitter.ts";

export type TailGap = "truncated" | "line-too-long" | "unreadable-file";

export interface AuditTailParts {
  readonly path: string;
  readonly clock: Clock;
  readonly onLine: (line: string) => void;
  /** Something may have been missed. */
  readonly onGap: (why: TailGap) => void;
  /** The file came, or went. */
  readonly onState: (state: "following" | "waiting") => void;
}

// inotify wakes within a millisecond where it works; on network file systems and some mounts only polling does.
const POLL_MS = 200;
const CHUNK_BYTES = 256 * 1024;

interface OpenFile {
  readonly handle: FileHandle;
  readonly inode: bigint;
  offset: number;
}

export class AuditTail {
  readonly #parts: AuditTailParts;
  readonly #splitter = new LineSplitter(AUDIT_LINE_CHARACTERS_MAX);
  readonly #buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  #file: OpenFile | undefined;
  readonly #sleep: WakeableSleep;
  #wasThereAtStart = false;

  constructor(parts: AuditTailParts) {
    this.#parts = parts;
    this.#sleep = new WakeableSleep(parts.clock);
  }

  /** Opens the file at its end, if it is there: what stands in it is past, and the start's sweep covers it. */
  async open(): Promise<void> {
    const file = await openFile(this.#parts.path);
    this.#wasThereAtStart = file !== undefined;
    if (file !== undefined) {
      file.offset = Number((await file.handle.stat({ bigint: true })).size);
      this.#file = file;
    }
    this.#parts.onState(file === undefined ? "waiting" : "following");
  }

  /** Follows until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    let watcher: FSWatcher | undefined;
    try {
      while (!signal.aborted) {
        watcher ??= this.#watch();
        await this.#pump(signal);
        await this.#sleep.sleep(POLL_MS, signal);
      }
    } finally {
      watcher?.close();
      await this.#file?.handle.close();
      this.#file = undefined;
    }
  }

  /** Watches the folder: a rename changes nothing about the file itself. */
  #watch(): FSWatcher | undefined {
    const name = basename(this.#parts.path);
    try {
      const watcher = watch(dirname(this.#parts.path), (_event, changed) => {
        if (changed === null || changed === name) this.#sleep.wake();
      });
      // Polling goes on; the folder may be away for good.
      watcher.on("error", () => watcher.close());
      return watcher;
    } catch {
      return undefined; // the folder isn't there yet: polled, and tried again
    }
  }

  async #pump(signal: AbortSignal): Promise<void> {
    try {
      if (this.#file === undefined) await this.#openFirst();
      if (this.#file === undefined) return;
      await this.#drain(this.#file, signal);
      await this.#followRotation(this.#file, signal);
    } catch {
      // An I/O error: the error names the path at most, but what was lost is not known.
      this.#parts.onGap("unreadable-file");
      await this.#drop();
    }
  }

  async #openFirst(): Promise<void> {
    const file = await openFile(this.#parts.path);
    if (file === undefined) return;
    // It came while we waited: all of it is news. If it had been there before, what came in between may be lost.
    if (this.#wasThereAtStart) this.#parts.onGap("unreadable-file");
    this.#wasThereAtStart = true;
    this.#file = file;
    this.#parts.onState("following");
  }

  /** Reads to the end. */
  async #drain(file: OpenFile, signal: AbortSignal): Promise<void> {
    const { size } = await file.handle.stat();
    if (size < file.offset) {
      this.#parts.onGap("truncated");
      this.#splitter.reset();
      file.offset = 0;
    }
    while (!signal.aborted) {
      const { bytesRead } = await file.handle.read(this.#buffer, 0, CHUNK_BYTES, file.offset);
      if (bytesRead === 0) return;
      file.offset += bytesRead;
      const { lines, dropped } = this.#splitter.push(this.#buffer.subarray(0, bytesRead));
      for (const line of lines) this.#parts.onLine(line);
      if (dropped > 0) this.#parts.onGap("line-too-long");
    }
  }

  /** Goes over to a new file under the path once it has a line: until then the server writes to the old one. */
  async #followRotation(file: OpenFile, signal: AbortSignal): Promise<void> {
    const now = await statOf(this.#parts.path);
    if (now === undefined || now.inode === file.inode || now.size === 0n) return;
    await this.#drain(file, signal);
    if (this.#splitter.hasRest) this.#parts.onGap("truncated");
    this.#splitter.reset();
    await file.handle.close();
    this.#file = await openFile(this.#parts.path);
    if (this.#file !== undefined) await this.#drain(this.#file, signal);
  }

  async #drop(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#splitter.reset();
    this.#parts.onState("waiting");
    await file?.handle.close().catch(() => undefined); // it failed already; there is nothing to save
  }
}

async function openFile(path: string): Promise<OpenFile | undefined> {
  try {
    const handle = await open(path, "r");
    return { handle, inode: (await handle.stat({ bigint: true })).ino, offset: 0 };
  } catch {
    return undefined; // not there, or not readable yet: waited for
  }
}

async function statOf(path: string): Promise<{ inode: bigint; size: bigint } | undefined> {
  try {
    const { ino, size } = await stat(path, { bigint: true });
    return { inode: ino, size };
  } catch {
    return undefined; // moved away, and nothing under its name yet
  }
}
