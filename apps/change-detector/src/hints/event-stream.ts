// Owns: following Vault Enterprise's event stream for as long as the process lives: opening it again whenever it ends,
// goes silent, or the token is another one. The stream keeps nothing for who is away, so that each opening is "sweep
// needed" (reference 1.4). Does not own: the handshake (event-connection), what a frame says (vault-client).
import type { Clock, Random, SecretValue } from "@keyferry/ports";
import { backoffMs, type BackoffPolicy } from "@keyferry/retry";
import { parseEventFrame, type TokenSource } from "@keyferry/vault-client";
import type { WebSocket } from "ws";
import type { DetectorEvents } from "../events.ts";
import type { HintChannel } from "../ports.ts";
import { type EventTarget, type Opened, openEvents } from "./event-connection.ts";
import { lookAtAll, lookAtMount } from "./wide-hints.ts";

export interface EventStreamParts {
  readonly target: EventTarget;
  readonly token: TokenSource;
  readonly clock: Clock;
  readonly random: Random;
  readonly hints: Pick<HintChannel, "publish">;
  readonly events: Pick<DetectorEvents, "hintGap" | "eventStream">;
  readonly timing?: EventTiming;
}

export interface EventTiming {
  /** The server pings each 30 s (reference 1.2): without any sign for so long the connection is dead. */
  readonly deadMs: number;
  /** Pings and no event: a subscription may have been forgotten by its node (reference 1.4), so it is made anew. */
  readonly silentMs: number;
  /** How often a connection is looked at; also how long an old token may be in use after a login. */
  readonly lookMs: number;
  /** After a 404 or a 403, which only a person changes. */
  readonly refusedMs: number;
}

const TIMING: EventTiming = { deadMs: 90_000, silentMs: 900_000, lookMs: 10_000, refusedMs: 60_000 };
const REOPEN: BackoffPolicy = { firstMs: 200, capMs: 30_000, factor: 2 };

type Ended = "closed" | "dead" | "silent" | "token-changed" | "stopped";

export class EventStream {
  readonly #parts: EventStreamParts;
  readonly #timing: EventTiming;

  constructor(parts: EventStreamParts) {
    this.#parts = parts;
    this.#timing = parts.timing ?? TIMING;
  }

  /** Follows until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { random } = this.#parts;
    let attempt = 0;
    let refused: SecretValue | undefined;
    while (!signal.aborted) {
      attempt += 1;
      const token = await this.#token(refused);
      if (token === undefined) {
        await this.#sleep(backoffMs(attempt, REOPEN, random), signal);
        continue;
      }
      const opened = await openEvents(this.#parts.target, token);
      if (opened.kind === "open") {
        attempt = 0;
        refused = undefined;
        await this.#follow(opened.socket, token, signal);
        if (!signal.aborted) await this.#sleep(backoffMs(1, REOPEN, random), signal);
        continue;
      }
      // Once more at once with whatever token there is after a refusal; then it is the policy that refuses.
      const mayBeToken = opened.kind === "denied" && refused === undefined;
      refused = opened.kind === "denied" ? token : undefined;
      if (!mayBeToken) await this.#sleep(this.#told(opened, attempt), signal);
    }
  }

  async #token(refused: SecretValue | undefined): Promise<SecretValue | undefined> {
    const { token, events } = this.#parts;
    try {
      return typeof token === "function" ? await token(refused) : token;
    } catch {
      events.eventStream({ state: "waiting", why: "there is no token" }); // the client that reads tells the error
      return undefined;
    }
  }

  /** Tells why it is not open; gives how long to wait. */
  #told(opened: Exclude<Opened, { kind: "open" }>, attempt: number): number {
    const { events, random } = this.#parts;
    switch (opened.kind) {
      case "unsupported":
        events.eventStream({
          state: "refused",
          why: "this server has no event stream: Vault Enterprise 1.16 has",
        });
        return this.#timing.refusedMs;
      case "denied":
        events.eventStream({ state: "refused", why: "the policy does not let it subscribe to kv-v2/*" });
        return this.#timing.refusedMs;
      case "failed":
        events.eventStream({ state: "waiting", why: opened.error.message });
        return backoffMs(attempt, REOPEN, random);
      default:
        return opened satisfies never;
    }
  }

  /** Takes frames until the connection is of no use any more. */
  async #follow(socket: WebSocket, token: SecretValue, signal: AbortSignal): Promise<void> {
    const { clock, events } = this.#parts;
    const seen = { signAt: clock.now(), eventAt: clock.now() };
    const ended = Promise.withResolvers<Ended>();
    socket.on("ping", () => {
      seen.signAt = clock.now();
    });
    socket.on("message", (data, isBinary) => {
      seen.signAt = clock.now();
      seen.eventAt = clock.now();
      this.#take(isBinary || !Buffer.isBuffer(data) ? "" : data.toString("utf8"));
    });
    socket.on("error", () => undefined); // "close" follows
    socket.once("close", () => ended.resolve("closed"));
    socket.resume();
    events.eventStream({ state: "following", why: "" });
    this.#gap("connected");
    const watching = new AbortController();
    const stop = (): void => ended.resolve("stopped");
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop(); // while it was being opened
    const watch = this.#watch(seen, token, watching.signal).then((why) => ended.resolve(why));
    const why = await ended.promise;
    watching.abort();
    await watch;
    signal.removeEventListener("abort", stop);
    socket.terminate();
    if (why !== "stopped") this.#gap(why);
  }

  /** Looks now and then whether the connection is still of use. */
  async #watch(
    seen: { readonly signAt: number; readonly eventAt: number },
    token: SecretValue,
    signal: AbortSignal,
  ): Promise<Ended> {
    const { clock } = this.#parts;
    const { deadMs, silentMs, lookMs } = this.#timing;
    while (!signal.aborted) {
      await this.#sleep(lookMs, signal);
      if (signal.aborted) break;
      const now = clock.now();
      if (now - seen.signAt > deadMs) return "dead";
      if (now - seen.eventAt > silentMs) return "silent";
      const held = await this.#token(undefined);
      if (held !== undefined && held.reveal() !== token.reveal()) return "token-changed";
    }
    return "stopped";
  }

  #take(text: string): void {
    const { hints } = this.#parts;
    const verdict = parseEventFrame(text);
    switch (verdict.kind) {
      case "nothing":
        return;
      case "hint":
        return hints.publish(verdict.hint);
      case "sweep-mount":
        return hints.publish(lookAtMount(verdict, "events"));
      case "unreadable":
        return this.#gap("unreadable-event");
      default:
        return verdict satisfies never;
    }
  }

  #gap(why: string): void {
    const { hints, events } = this.#parts;
    events.hintGap({ channel: "events", why });
    hints.publish(lookAtAll("events"));
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    await this.#parts.clock.sleep(ms, signal).catch(() => undefined); // stopping: the loops look
  }
}
