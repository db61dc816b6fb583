import { type Presence, presenceSchema } from "@keyferry/contracts";
import type { Logger } from "@keyferry/ports";
import { createInbox } from "@nats-io/transport-node";
import { jsonCodec } from "./codec.ts";
import type { Link } from "./link.ts";
import { PRESENCE_SUBJECT } from "./subjects.ts";

const codec = jsonCodec(presenceSchema);

// An installation has a dozen services; more answers than this are not ours.
const ANSWERS_MAX = 200;

/** Who is there: a question on core NATS that every running service answers for itself. */
export class PresenceChannel {
  readonly #link: Link;
  readonly #logger: Logger;

  constructor(link: Link, logger: Logger) {
    this.#link = link;
    this.#logger = logger;
  }

  /** Answers each question with what `describe` gives at that moment, until the link ends. */
  answer(describe: () => Presence): void {
    const open = async (): Promise<void> => {
      const { connection } = await this.#link.connected();
      connection.subscribe(PRESENCE_SUBJECT, {
        callback: (error, message) => {
          if (error === null && message.reply !== undefined) message.respond(codec.encode(describe()));
        },
      });
    };
    // Fails only when the link ends before it was up.
    open().catch((error: unknown) => {
      this.#logger.debug(
        { cause: error instanceof Error ? error.name : typeof error },
        "presence is not told",
      );
    });
  }

  /** Asks, and gives what came within `waitMs`. @throws KeyferryError `bus-unreachable` */
  async ask(waitMs: number): Promise<readonly Presence[]> {
    const { connection } = this.#link.now();
    const answers: Presence[] = [];
    const inbox = createInbox();
    const subscription = connection.subscribe(inbox, {
      max: ANSWERS_MAX,
      callback: (error, message) => {
        const decoded = error === null ? codec.decode(message.data) : undefined;
        if (decoded?.kind === "ok") answers.push(decoded.value);
      },
    });
    connection.publish(PRESENCE_SUBJECT, "", { reply: inbox });
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    subscription.unsubscribe();
    return answers.sort((a, b) =>
      a.service === b.service ? a.startedAt - b.startedAt : a.service < b.service ? -1 : 1,
    );
  }
}
