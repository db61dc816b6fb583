// Owns: whether the process is ready, and what it waits for. A check looks at state that the process keeps anyway; it
// asks nobody, so that a probe costs nothing and can't hang.

/** What one check says. A note tells of a process that is ready and idle, such as a standby. */
export type Readiness = { kind: "ready"; note?: string } | { kind: "waiting"; why: string };

export type ReadinessCheck = () => Readiness;

/** Who is waited for, and why, for the probe's answer and the log. */
export interface Waiting {
  readonly check: string;
  readonly why: string;
}

/** The process's readiness: ready when nothing that is registered waits. */
export class ReadinessBoard {
  readonly #checks = new Map<string, ReadinessCheck>();

  /** Registers a check, or replaces the one of that name. */
  addCheck(name: string, check: ReadinessCheck): void {
    this.#checks.set(name, check);
  }

  removeCheck(name: string): void {
    this.#checks.delete(name);
  }

  /** Everything that is waited for, in the order of registration; empty when ready. */
  waiting(): readonly Waiting[] {
    const waiting: Waiting[] = [];
    for (const [name, check] of this.#checks) {
      const readiness = check();
      if (readiness.kind === "waiting") waiting.push({ check: name, why: readiness.why });
    }
    return waiting;
  }

  /** What ready checks have to say. */
  notes(): readonly string[] {
    const notes: string[] = [];
    for (const check of this.#checks.values()) {
      const readiness = check();
      if (readiness.kind === "ready" && readiness.note !== undefined) notes.push(readiness.note);
    }
    return notes;
  }
}
