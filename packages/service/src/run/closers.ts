// Owns: the order in which a process lets go of things: last opened, first closed, one after the other.
import { toKeyferryError } from "@keyferry/errors";
import type { Logger } from "@keyferry/ports";

export type Close = () => Promise<void> | void;

/** What has to be closed, with a name for the log. */
export class Closers {
  readonly #stack: { name: string; close: Close }[] = [];

  add(name: string, close: Close): void {
    this.#stack.push({ name, close });
  }

  /** Closes everything, also what is added meanwhile. One that fails is logged, and the rest is closed all the same. */
  async closeAll(logger: Logger): Promise<{ failed: number }> {
    let failed = 0;
    for (let top = this.#stack.pop(); top !== undefined; top = this.#stack.pop()) {
      logger.debug({ part: top.name }, "closing");
      try {
        await top.close();
      } catch (error) {
        failed += 1;
        logger.error({ part: top.name, error: toKeyferryError(error) }, "could not be closed");
      }
    }
    return { failed };
  }
}
