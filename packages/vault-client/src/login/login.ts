// Owns: a token of our own and its life: login, renewal at two thirds of what the last answer gave, a new login where
// renewal no longer helps, revocation at the end. Does not own: where role and secret come from (they are asked for at
// each login, as files rotate). Invariants: one login at a time; what a 403 means is asked once, so that a path that is
// denied never becomes a storm of logins.
import { KeyferryError, toKeyferryError } from "@keyferry/errors";
import { type Clock, type Logger, type Random, SecretValue } from "@keyferry/ports";
import { z } from "zod";
import { errorOfAnswer } from "../answer/answer-error.ts";
import { classifyAnswer } from "../answer/classify-answer.ts";
import { encodePath } from "../transport/encode-path.ts";
import { type Answer, Transport } from "../transport/transport.ts";

/** How to log in; `mount` is the auth method's path, without `auth/`. */
export type LoginMethod =
  | {
      readonly kind: "approle";
      readonly mount: string;
      /** As text, or asked for at each login. */
      readonly roleId: string | (() => Promise<string>);
      readonly secretId: () => Promise<SecretValue>;
    }
  /** JWT and Kubernetes: the same call. */
  | {
      readonly kind: "jwt";
      readonly mount: string;
      readonly role: string;
      readonly jwt: () => Promise<SecretValue>;
    };

export interface LoginOptions {
  readonly address: string;
  /** Where the auth method is; empty for the root. */
  readonly namespace?: string;
  readonly caFile?: string;
  readonly method: LoginMethod;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A token that is kept alive. */
export interface Login {
  /** To be given to a client: the token, and another one after a 403 if that one has died. */
  readonly token: (refused?: SecretValue) => Promise<SecretValue>;
  /** Ends the renewal and revokes the token. Never rejects. */
  close(): Promise<void>;
}

const TIMEOUT_MS = 10_000;
const RENEW_SHARE = 2 / 3;
const RENEW_JITTER = 0.1; // of the wait: instances that started together don't renew together
const RENEW_MS_MIN = 500; // a lease of a second, as only tests have it
const RETRY_MS = 1_000; // after a renewal that did not reach the source; the lease has a third of its time left
// Half of the last lease: beyond it a maximum is near, and a new login gives a whole one.
const SHRUNK_SHARE = 0.5;
const ASK_AGAIN_MS = 5_000; // a denied path answers 403 like a dead token; the token is not looked up for each of them

const authSchema = z.object({
  auth: z.object({
    client_token: z.string().min(1),
    /** Seconds; 0 for a token that never ends. */
    lease_duration: z.number().nonnegative(),
    renewable: z.boolean(),
  }),
});

interface Lease {
  readonly token: SecretValue;
  readonly leaseMs: number;
  readonly renewable: boolean;
}

/** Opens nothing yet: the first token that is asked for logs in. */
export function createLogin(options: LoginOptions): Login {
  const login = new LivingToken(options);
  return { token: (refused) => login.token(refused), close: () => login.close() };
}

class LivingToken {
  readonly #options: LoginOptions;
  readonly #transport: Transport;
  readonly #stop = new AbortController();
  #lease: Lease | undefined;
  #loggingIn: Promise<Lease> | undefined;
  #keeping: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<SecretValue> | undefined;

  constructor(options: LoginOptions) {
    this.#options = options;
    this.#transport = new Transport({
      address: options.address,
      // Each call here names its own.
      token: new SecretValue(""),
      timeoutMs: TIMEOUT_MS,
      clock: options.clock,
      logger: options.logger,
      ...(options.caFile === undefined ? {} : { caFile: options.caFile }),
    });
  }

  async token(refused?: SecretValue): Promise<SecretValue> {
    const held = this.#lease;
    if (held === undefined) return (await this.#logIn()).token;
    if (refused === undefined || refused.reveal() !== held.token.reveal()) return held.token;
    // Whoever is refused while the question runs waits for its answer: a dead token is refused to many calls at once.
    if (this.#asking !== undefined) return this.#asking;
    const { clock } = this.#options;
    if (clock.now() - this.#askedAt < ASK_AGAIN_MS) return held.token;
    this.#askedAt = clock.now();
    this.#asking = this.#livingOrNew(held.token).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #livingOrNew(token: SecretValue): Promise<SecretValue> {
    if (await this.#isAlive(token)) return token; // so the path is denied
    return (await this.#logIn()).token;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#keeping?.stop.abort();
    await this.#keeping?.ended;
    const lease = this.#lease;
    this.#lease = undefined;
    // It ends by itself if this fails.
    if (lease !== undefined) await this.#send("auth/token/revoke-self", lease.token).catch(() => undefined);
    await this.#transport.close();
  }

  #logIn(): Promise<Lease> {
    this.#loggingIn ??= this.#logInOnce().finally(() => {
      this.#loggingIn = undefined;
    });
    return this.#loggingIn;
  }

  async #logInOnce(): Promise<Lease> {
    const { method, logger } = this.#options;
    const body =
      method.kind === "approle"
        ? { role_id: await roleIdOf(method), secret_id: (await method.secretId()).reveal() }
        : { role: method.role, jwt: (await method.jwt()).reveal() };
    const answer = await this.#send(`auth/${encodePath(method.mount)}/login`, "none", body);
    const lease = leaseOf(answer, `log in by ${method.kind} at ${method.mount}`);
    logger.info({ method: method.kind, leaseS: lease.leaseMs / 1_000 }, "logged in at the source");
    this.#lease = lease;
    this.#keep(lease);
    return lease;
  }

  /** Keeps a lease alive in the background, in place of the one before. */
  #keep(lease: Lease): void {
    this.#keeping?.stop.abort();
    if (lease.leaseMs === 0 || this.#stop.signal.aborted) return;
    const stop = new AbortController();
    this.#keeping = { stop, ended: this.#renewUntilOver(lease, stop.signal) };
  }

  async #renewUntilOver(first: Lease, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    let lease = first;
    let waitMs = renewalIn(lease, random);
    while (!signal.aborted) {
      await clock.sleep(waitMs, signal).catch(() => undefined); // closing, or replaced
      if (signal.aborted) return;
      const next = await this.#renewed(lease);
      // Whoever asks for the token meanwhile gets the old one, which lives until the new one is there.
      if (next === "log in") {
        const isLoggedIn = await this.#logIn().then(
          () => true,
          (thrown: unknown) => this.#tell(thrown),
        );
        if (isLoggedIn) return; // the new lease is kept by a loop of its own
        waitMs = RETRY_MS;
        continue;
      }
      if (next !== undefined) {
        lease = next;
        this.#lease = next;
      }
      waitMs = next === undefined ? RETRY_MS : renewalIn(lease, random);
    }
  }

  /** The lease after a renewal; undefined: not reached, try again. */
  async #renewed(lease: Lease): Promise<Lease | "log in" | undefined> {
    if (!lease.renewable) return "log in";
    try {
      const answer = await this.#send("auth/token/renew-self", lease.token, {});
      if (answer.status === 403) return "log in";
      const renewed = leaseOf(answer, "renew the token");
      return renewed.leaseMs < lease.leaseMs * SHRUNK_SHARE ? "log in" : renewed;
    } catch (thrown) {
      this.#tell(thrown);
      return undefined;
    }
  }

  #tell(thrown: unknown): false {
    if (!this.#stop.signal.aborted) {
      const error = toKeyferryError(thrown);
      this.#options.logger.warn({ error }, "the token at the source can't be renewed; trying again");
    }
    return false;
  }

  async #isAlive(token: SecretValue): Promise<boolean> {
    const answer = await this.#transport.send({
      method: "GET",
      path: "auth/token/lookup-self",
      namespace: this.#options.namespace ?? "",
      token,
      what: "look the own token up",
    });
    return answer.status !== 403;
  }

  #send(path: string, token: SecretValue | "none", body: object = {}): Promise<Answer> {
    return this.#transport.send({
      method: "POST",
      path,
      namespace: this.#options.namespace ?? "",
      token,
      body: JSON.stringify(body),
      what: `call ${path}`,
    });
  }
}

async function roleIdOf({ roleId }: Extract<LoginMethod, { kind: "approle" }>): Promise<string> {
  return typeof roleId === "string" ? roleId : roleId();
}

function renewalIn(lease: Lease, random: Random): number {
  const jitter = 1 - RENEW_JITTER * random.fraction();
  return Math.max(RENEW_MS_MIN, lease.leaseMs * RENEW_SHARE * jitter);
}

function leaseOf(answer: Answer, what: string): Lease {
  // Vault answers 400 to a role or a secret that it doesn't know.
  if (answer.status === 400 || answer.status === 403) {
    throw new KeyferryError("source-denied", `${what}: refused`, { status: answer.status });
  }
  let body: unknown;
  try {
    body = JSON.parse(answer.body);
  } catch {
    throw new KeyferryError("source-answer-unknown", `${what}: not Vault's words`, { status: answer.status });
  }
  const parsed = answer.status === 200 ? authSchema.safeParse(body) : undefined;
  if (parsed?.success !== true) throw errorOfAnswer(classifyAnswer(answer), what);
  const { client_token, lease_duration, renewable } = parsed.data.auth;
  return { token: new SecretValue(client_token), leaseMs: lease_duration * 1_000, renewable };
}
