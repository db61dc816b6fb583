import {
  type CheckFinding,
  type ConnectionCheckReply,
  connectionCheckReplySchema,
  type ConnectionCheckRequest,
  connectionCheckRequestSchema,
} from "@keyferry/contracts";
import type { Logger } from "@keyferry/ports";
import { jsonCodec } from "./codec.ts";
import type { Link } from "./link.ts";
import { SinkQuestions } from "./sink-questions.ts";
import { CONNECTION_CHECK_SUBJECT } from "./subjects.ts";

type Check = (request: ConnectionCheckRequest) => Promise<readonly CheckFinding[]>;

/** Whether a connection works: a question on core NATS that one sink answers. */
export class ConnectionChecks {
  readonly #questions: SinkQuestions<ConnectionCheckRequest, ConnectionCheckReply>;

  constructor(link: Link, logger: Logger) {
    this.#questions = new SinkQuestions(link, logger, {
      subject: CONNECTION_CHECK_SUBJECT,
      question: jsonCodec(connectionCheckRequestSchema),
      answer: jsonCodec(connectionCheckReplySchema),
    });
  }

  /** Answers questions, until the link ends. `check` never has to reject: what it throws is no answer. */
  answer(check: Check): void {
    this.#questions.answer(async (request) => ({ major: 1, findings: [...(await check(request))] }));
  }

  /** Asks a sink; undefined: none answered within the request's time. @throws KeyferryError `bus-unreachable` */
  async ask(request: ConnectionCheckRequest): Promise<readonly CheckFinding[] | undefined> {
    return (await this.#questions.ask(request))?.findings;
  }
}
