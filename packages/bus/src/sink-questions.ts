import { toKeyferryError } from "@keyferry/errors";
import type { Logger } from "@keyferry/ports";
import type { Msg } from "@nats-io/transport-node";
import type { Codec } from "./codec.ts";
import type { Link } from "./link.ts";

// One question goes to one of all sinks.
const QUEUE = "azure-sink";

export interface SinkQuestion<Q, A> {
  readonly subject: string;
  readonly question: Codec<Q>;
  readonly answer: Codec<A>;
}

/** Questions on core NATS that one of all sinks answers, as only a sink can look at a Key Vault. */
export class SinkQuestions<Q extends { readonly waitMs: number }, A> {
  readonly #link: Link;
  readonly #logger: Logger;
  readonly #of: SinkQuestion<Q, A>;

  constructor(link: Link, logger: Logger, of: SinkQuestion<Q, A>) {
    this.#link = link;
    this.#logger = logger;
    this.#of = of;
  }

  /** Answers questions, until the link ends. `work` never has to reject: what it throws is no answer. */
  answer(work: (question: Q) => Promise<A>): void {
    const open = async (): Promise<void> => {
      const { connection } = await this.#link.connected();
      connection.subscribe(this.#of.subject, {
        queue: QUEUE,
        callback: (error, message) => {
          if (error === null) void this.#reply(message, work);
        },
      });
    };
    // Fails only when the link ends before it was up.
    open().catch((thrown: unknown) => this.#tell(thrown));
  }

  /** Asks a sink; undefined: none answered within the question's time. @throws KeyferryError `bus-unreachable` */
  async ask(question: Q): Promise<A | undefined> {
    const { connection } = this.#link.now();
    try {
      const message = await connection.request(this.#of.subject, this.#of.question.encode(question), {
        timeout: question.waitMs,
      });
      const decoded = this.#of.answer.decode(message.data);
      return decoded.kind === "ok" ? decoded.value : undefined;
    } catch (thrown) {
      // No sink listens, or it took too long: both are no answer.
      this.#tell(thrown);
      return undefined;
    }
  }

  async #reply(message: Msg, work: (question: Q) => Promise<A>): Promise<void> {
    const decoded = this.#of.question.decode(message.data);
    if (decoded.kind !== "ok") return;
    try {
      message.respond(this.#of.answer.encode(await work(decoded.value)));
    } catch (thrown) {
      this.#tell(thrown);
    }
  }

  #tell(thrown: unknown): void {
    this.#logger.debug({ error: toKeyferryError(thrown) }, "a question to the sinks was not answered");
  }
}
