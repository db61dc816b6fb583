import {
  type CheckFinding,
  connectionCheckReplySchema,
  type ConnectionCheckRequest,
  connectionCheckRequestSchema,
} from "@keyferry/contracts";
import { toKeyferryError } from "@keyferry/errors";
import type { Logger } from "@keyferry/ports";
import type { Msg } from "@nats-io/transport-node";
import { jsonCodec } from "./codec.ts";
import type { Link } from "./link.ts";
import { CONNECTION_CHECK_SUBJECT } from "./subjects.ts";

const requests = jsonCodec(connectionCheckRequestSchema);
const replies = jsonCodec(connectionCheckReplySchema);

type Check = (request: ConnectionCheckRequest) => Promise<readonly CheckFinding[]>;

// One question goes to one of all sinks.
const QUEUE = "azure-sink";

/** Whether a connection works: a question on core NATS that one sink answers. */
export class ConnectionChecks {
  readonly #link: Link;
  readonly #logger: Logger;

  constructor(link: Link, logger: Logger) {
    this.#link = link;
    this.#logger = logger;
  }

  /** Answers questions, until the link ends. `check` never has to reject: what it throws is no answer. */
  answer(check: Check): void {
    const open = async (): Promise<void> => {
      const { connection } = await this.#link.connected();
      connection.subscribe(CONNECTION_CHECK_SUBJECT, {
        queue: QUEUE,
        callback: (error, message) => {
          if (error === null) void this.#reply(message, check);
        },
      });
    };
    // Fails only when the link ends before it was up.
    open().catch((thrown: unknown) => this.#tell(thrown));
  }

  /** Asks a sink; undefined: none answered within the request's time. @throws KeyferryError `bus-unreachable` */
  async ask(request: ConnectionCheckRequest): Promise<readonly CheckFinding[] | undefined> {
    const { connection } = this.#link.now();
    try {
      const message = await connection.request(CONNECTION_CHECK_SUBJECT, requests.encode(request), {
        timeout: request.waitMs,
      });
      const decoded = replies.decode(message.data);
      return decoded.kind === "ok" ? decoded.value.findings : undefined;
    } catch (thrown) {
      // No sink listens, or it took too long: both are no answer.
      this.#tell(thrown);
      return undefined;
    }
  }

  async #reply(message: Msg, check: Check): Promise<void> {
    const decoded = requests.decode(message.data);
    if (decoded.kind !== "ok") return;
    try {
      const findings = await check(decoded.value);
      message.respond(replies.encode({ major: 1, findings: [...findings] }));
    } catch (thrown) {
      this.#tell(thrown);
    }
  }

  #tell(thrown: unknown): void {
    this.#logger.debug({ error: toKeyferryError(thrown) }, "a connection check was not answered");
  }
}
