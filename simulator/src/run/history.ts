// Owns: what happened, for people who read a failing seed; and the look at every text for planted values (P5).
import { CANARY } from "../oracle/canary.ts";
import type { SimulatedProcess } from "../time/process.ts";
import type { Scheduler } from "../time/scheduler.ts";

export interface HistoryLine {
  readonly at: number;
  readonly who: string;
  readonly text: string;
}

const LINES_MAX = 60_000;

export class History {
  readonly lines: HistoryLine[] = [];
  readonly isKept: boolean;
  readonly #scheduler: Scheduler;
  readonly #startedAt: number;
  /** A value was found where none may be. */
  onLeak: (where: string, text: string) => void = () => undefined;
  /** A message was stored. */
  onPublished: (process: SimulatedProcess, subject: string, data: Uint8Array, sequence: number) => void =
    () => undefined;

  constructor(scheduler: Scheduler, isKept: boolean) {
    this.#scheduler = scheduler;
    this.#startedAt = scheduler.now;
    this.isKept = isKept;
  }

  /** Notes something; `text` is only asked for where lines are kept. */
  note(who: string, text: () => string): void {
    if (!this.isKept) return;
    if (this.lines.length >= LINES_MAX) this.lines.splice(0, LINES_MAX / 2);
    this.lines.push({ at: this.#scheduler.now - this.#startedAt, who, text: text() });
  }

  inspect(where: string, text: () => string): void {
    const found = text();
    if (found.includes(CANARY)) this.onLeak(where, found);
  }

  published(process: SimulatedProcess, subject: string, data: Uint8Array, sequence: number): void {
    this.onPublished(process, subject, data, sequence);
  }

  format(): string {
    return this.lines.map(({ at, who, text }) => `${formatTime(at)}  ${who.padEnd(14)} ${text}`).join("\n");
  }
}

/** `h:mm:ss.mmm` since the start. */
export function formatTime(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const pad = (value: number, width = 2): string => String(value).padStart(width, "0");
  return `${Math.floor(seconds / 3600)}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}.${pad(Math.floor(ms % 1000), 3)}`;
}
