import type { Bus, CommandMessage, Consumption, Decision, HandlerContext, View } from "@keyferry/bus";
import { type DestinationRecord, type Lane, laneSchema, type Uid } from "@keyferry/contracts";
import { toKeyferryError } from "@keyferry/errors";
import type { Logger } from "@keyferry/ports";
import type { Pauses } from "../pauses/pauses.ts";

// Owns: which durables this sink takes from. Destinations come and go at run time (hazard consumers-at-run-time), and a
// paused one is not taken from: its commands stay in the stream, where they hold no place in anybody's ack window.

export type CommandHandler = (message: CommandMessage, context: HandlerContext) => Promise<Decision>;

export interface FollowOptions {
  readonly commands: Pick<Bus["commands"], "consume">;
  readonly view: Pick<View<DestinationRecord>, "entries" | "onChange">;
  readonly pauses: Pick<Pauses, "isPaused" | "onChange">;
  readonly handle: CommandHandler;
  /** Commands in hand per destination and lane. */
  readonly concurrency: number;
  readonly logger: Logger;
}

/** Consumes the commands of every destination in `view`, also of those that come later. */
export function followDestinations(options: FollowOptions): AsyncDisposable & { readonly size: number } {
  return new Following(options);
}

class Following implements AsyncDisposable {
  readonly #options: FollowOptions;
  readonly #ends: readonly (() => void)[];
  /** By the key of the record: a retired destination's key is another, its uid the same. */
  readonly #uidsOfKeys = new Map<string, Uid>();
  readonly #running = new Map<Uid, Consumption[]>();
  /** The last step of each destination, so that an opening never overtakes a closing. */
  readonly #steps = new Map<Uid, Promise<void>>();
  #isOver = false;

  constructor(options: FollowOptions) {
    this.#options = options;
    const { view, pauses } = options;
    for (const [key, { value }] of view.entries()) this.#apply(key, value);
    this.#ends = [
      view.onChange((key, entry) => this.#apply(key, entry?.value)),
      pauses.onChange(() => {
        for (const uid of new Set([...this.#uidsOfKeys.values(), ...this.#running.keys()])) this.#adjust(uid);
      }),
    ];
  }

  /** How many destinations are taken from. */
  get size(): number {
    return this.#running.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    for (const end of this.#ends) end();
    for (const uid of this.#running.keys()) this.#adjust(uid);
    await Promise.all(this.#steps.values());
  }

  // A retired destination still has unsyncs to see to; its record goes when its last outcome is in.
  #apply(key: string, record: DestinationRecord | undefined): void {
    const before = this.#uidsOfKeys.get(key);
    if (record === undefined) this.#uidsOfKeys.delete(key);
    else this.#uidsOfKeys.set(key, record.uid);
    if (before !== undefined) this.#adjust(before);
    if (record !== undefined && record.uid !== before) this.#adjust(record.uid);
  }

  #adjust(uid: Uid): void {
    const step = (this.#steps.get(uid) ?? Promise.resolve())
      .then(() => this.#toWanted(uid))
      .catch((thrown: unknown) => {
        const { code, message } = toKeyferryError(thrown);
        this.#options.logger.warn({ destination: uid, code }, `taking commands: ${message}`);
      })
      .finally(() => {
        if (this.#steps.get(uid) === step) this.#steps.delete(uid);
      });
    this.#steps.set(uid, step);
  }

  async #toWanted(uid: Uid): Promise<void> {
    const { commands, pauses, handle, concurrency, logger } = this.#options;
    const isKnown = [...this.#uidsOfKeys.values()].includes(uid);
    const isPaused = pauses.isPaused(uid);
    const isWanted = !this.#isOver && isKnown && !isPaused;
    const running = this.#running.get(uid);
    if (isWanted && running === undefined) {
      logger.info({ destination: uid }, "taking a destination's commands");
      const lanes: readonly Lane[] = laneSchema.options;
      const opened = lanes.map((lane) => commands.consume(uid, lane, handle, { concurrency }));
      this.#running.set(uid, await Promise.all(opened));
    } else if (!isWanted && running !== undefined) {
      if (isPaused && isKnown) logger.info({ destination: uid }, "a destination is paused");
      else if (!isKnown) logger.info({ destination: uid }, "a destination is gone");
      this.#running.delete(uid);
      await Promise.all(running.map((consumption) => consumption.close()));
    }
  }
}
