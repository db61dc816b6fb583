// Owns: one life of one process: it runs, is stopped (SIGSTOP: what comes meanwhile waits), or is dead for good. A
// restart is another life.
export class SimulatedProcess {
  readonly role: string;
  readonly life: number;
  readonly name: string;
  isDead = false;
  isStopped = false;
  /** Its start has come to its end. */
  isReady = false;
  #parked: (() => void)[] = [];

  constructor(role: string, life: number) {
    this.role = role;
    this.life = life;
    this.name = `${role}#${life}`;
  }

  park(run: () => void): void {
    this.#parked.push(run);
  }

  /** What came while it was stopped, in order. */
  takeParked(): readonly (() => void)[] {
    const parked = this.#parked;
    this.#parked = [];
    return parked;
  }
}
