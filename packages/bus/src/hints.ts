import { type Hint, hintSchema } from "@keyferry/contracts";
import type { Logger } from "@keyferry/ports";
import { jsonCodec } from "./codec.ts";
import type { Link } from "./link.ts";
import { hintSubject } from "./subjects.ts";

const codec = jsonCodec(hintSchema);

/** Hints on core NATS: at most once, by design. What a lost hint would have told, the next sweep finds. */
export class HintChannel {
  readonly #link: Link;
  readonly #logger: Logger;

  constructor(link: Link, logger: Logger) {
    this.#link = link;
    this.#logger = logger;
  }

  /** Sends a hint if NATS is there; never throws, never waits. */
  publish(source: string, hint: Hint): void {
    if (!this.#link.online) return;
    try {
      this.#link.now().connection.publish(hintSubject(source), codec.encode(hint));
    } catch (error) {
      this.#logger.debug(
        { cause: error instanceof Error ? error.name : typeof error },
        "a hint was not sent",
      );
    }
  }

  /** Calls `onHint` for each hint, and `onGap` whenever hints may have been missed. */
  subscribe(source: string, onHint: (hint: Hint) => void, onGap: () => void): { close(): void } {
    let close: () => void = () => undefined;
    let isClosed = false;
    const end = this.#link.onReconnect(onGap);
    const open = async (): Promise<void> => {
      const { connection } = await this.#link.connected();
      if (isClosed) return;
      const subscription = connection.subscribe(hintSubject(source), {
        callback: (error, message) => {
          if (error !== null) return onGap();
          const decoded = codec.decode(message.data);
          if (decoded.kind === "ok") onHint(decoded.value);
          else this.#logger.debug({ kind: decoded.kind }, "a hint can't be read");
        },
      });
      close = () => subscription.unsubscribe();
    };
    // Fails only when the link ends before it was up: then there is nothing to subscribe to.
    open().catch(onGap);
    return {
      close() {
        isClosed = true;
        end();
        close();
      },
    };
  }
}
