// Owns: the operations of key-vault.ts on Azure, by its SDK and, where that does too much, by thin calls.
// Does not own: when to call (pacing), what to write (plan), whether to try again: each method sends at most one request
// that can change anything, and nothing is retried.
// Invariants: no value leaves but in the body of an authenticated PUT to the vault's own host (hazard cold-client-burst:
// every method goes through `prime`); no SDK type, error or response leaves this package.
import { createHash, timingSafeEqual } from "node:crypto";
import type { SecretClient, SecretProperties, SetSecretOptions } from "@azure/keyvault-secrets";
import { KeyferryError } from "@keyferry/errors";
import type { Clock, Logger, SecretValue } from "@keyferry/ports";
import type { Answer, ExchangeLog } from "./exchange.ts";
import { noting } from "./exchange.ts";
import { toVaultError } from "./failure.ts";
import { checkAttributes, checkName, checkValue, checkVersion } from "./limits.ts";
import { Priming } from "./priming.ts";
import type { ThinCalls } from "./thin-calls.ts";
import type {
  Absent,
  Call,
  Conflict,
  ConflictReason,
  KeyVault,
  SecretAttributes,
  SecretListed,
  SecretVersion,
  Tags,
} from "./key-vault.ts";

export interface Parts {
  readonly vaultHost: string;
  readonly client: SecretClient;
  readonly thin: ThinCalls;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly closeSockets: () => void;
}

/** Answers that are outcomes, not errors. */
type Sent<T> = { kind: "done"; value: T } | Absent | Conflict;

export class AzureKeyVault implements KeyVault {
  readonly vaultHost: string;
  readonly #parts: Parts;
  readonly #priming: Priming;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.vaultHost = parts.vaultHost;
    this.#priming = new Priming(parts.client, parts.clock);
  }

  prime({ signal }: Call): Promise<void> {
    return this.#priming.done(signal);
  }

  async put(
    name: string,
    secret: SecretAttributes & { readonly value: SecretValue },
    call: Call,
  ): Promise<{ kind: "put"; version: string } | Conflict> {
    checkName(name);
    checkValue(secret.value);
    checkAttributes(secret);
    const sent = await this.#send("put", true, call, async (abortSignal) => {
      const options = { ...attributesOf(secret), abortSignal };
      const answer = await this.#parts.client.setSecret(name, secret.value.reveal(), options);
      const { version } = answer.properties;
      // Caught by #send, as any answer that cannot be read.
      if (version === undefined || version === "") throw new Error("no version");
      return version;
    });
    if (sent.kind === "absent") throw new KeyferryError("vault-error", "Key Vault answered 404 to put");
    return sent.kind === "done" ? { kind: "put", version: sent.value } : sent;
  }

  async patch(
    name: string,
    version: string,
    change: Partial<SecretAttributes>,
    call: Call,
  ): Promise<{ kind: "patched" } | Absent | Conflict> {
    checkName(name);
    checkVersion(version);
    checkAttributes(change);
    const sent = await this.#send("patch", true, call, (abortSignal) =>
      this.#parts.client.updateSecretProperties(name, version, { ...attributesOf(change), abortSignal }),
    );
    return sent.kind === "done" ? { kind: "patched" } : sent;
  }

  async delete(name: string, call: Call): Promise<{ kind: "deleted" } | Absent | Conflict> {
    checkName(name);
    const sent = await this.#send("delete", true, call, (signal) =>
      this.#parts.thin.delete(name, signal).then(throwUnlessOk),
    );
    return sent.kind === "done" ? { kind: "deleted" } : sent;
  }

  async recover(name: string, call: Call): Promise<{ kind: "recovering" } | Absent | Conflict> {
    checkName(name);
    const sent = await this.#send("recover", true, call, (signal) =>
      this.#parts.thin.recover(name, signal).then(throwUnlessOk),
    );
    return sent.kind === "done" ? { kind: "recovering" } : sent;
  }

  async purge(name: string, call: Call): Promise<{ kind: "purged" } | Absent | Conflict> {
    checkName(name);
    const sent = await this.#send("purge", true, call, (abortSignal) =>
      this.#parts.client.purgeDeletedSecret(name, { abortSignal }),
    );
    return sent.kind === "done" ? { kind: "purged" } : sent;
  }

  async versions(
    name: string,
    options: Call & { readonly pagesMax: number },
  ): Promise<{ versions: SecretVersion[]; complete: boolean }> {
    checkName(name);
    const sent = await this.#send("versions", false, options, async (abortSignal) => {
      const versions: SecretVersion[] = [];
      let pages = 0;
      const all = this.#parts.client.listPropertiesOfSecretVersions(name, { abortSignal });
      for await (const page of all.byPage({ maxPageSize: PAGE_SIZE })) {
        // Looked at one page late: only then is it known that there is one more.
        if (pages >= options.pagesMax) return { versions, complete: false };
        pages += 1;
        versions.push(...page.map(versionOf));
      }
      return { versions, complete: true };
    });
    // The service answers an empty list for a name that does not exist (recorded), others a 404.
    if (sent.kind === "absent") return { versions: [], complete: true };
    return onlyDone(sent, "versions");
  }

  async compare(
    name: string,
    version: string,
    value: SecretValue,
    call: Call,
  ): Promise<"same" | "different"> {
    checkName(name);
    checkVersion(version);
    const sent = await this.#send("compare", false, call, (abortSignal) =>
      this.#parts.client.getSecret(name, { version, abortSignal }),
    );
    const { value: held } = onlyDone(sent, "compare");
    return held !== undefined && sameText(held, value.reveal()) ? "same" : "different";
  }

  async deleted(
    name: string,
    call: Call,
  ): Promise<{ kind: "deleted"; tags: Tags; recoveryLevel: string | undefined } | Absent> {
    checkName(name);
    const sent = await this.#send("deleted", false, call, (abortSignal) =>
      this.#parts.client.getDeletedSecret(name, { abortSignal }),
    );
    if (sent.kind === "absent") return sent;
    const { properties } = onlyDone(sent, "deleted");
    return { kind: "deleted", tags: properties.tags ?? {}, recoveryLevel: properties.recoveryLevel };
  }

  async *listDeleted(call: Call): AsyncGenerator<{ name: string; tags: Tags }[]> {
    const secrets = this.#parts.client.listDeletedSecrets({ abortSignal: call.signal });
    const pages = secrets.byPage({ maxPageSize: PAGE_SIZE })[Symbol.asyncIterator]();
    for (let count = 0; count < LIST_PAGES_MAX; count += 1) {
      const next = onlyDone(
        await this.#send("list-deleted", false, call, () => pages.next()),
        "list-deleted",
      );
      if (next.done === true) return;
      yield next.value.map(({ name, properties }) => ({ name, tags: properties.tags ?? {} }));
    }
    throw new KeyferryError(
      "vault-error",
      `The list of deleted secrets has more than ${LIST_PAGES_MAX} pages`,
    );
  }

  async *list(call: Call): AsyncGenerator<SecretListed[]> {
    const secrets = this.#parts.client.listPropertiesOfSecrets({ abortSignal: call.signal });
    const pages = secrets.byPage({ maxPageSize: PAGE_SIZE })[Symbol.asyncIterator]();
    for (let count = 0; count < LIST_PAGES_MAX; count += 1) {
      const next = onlyDone(await this.#send("list", false, call, () => pages.next()), "list");
      if (next.done === true) return;
      yield next.value.map(listedOf);
    }
    throw new KeyferryError("vault-error", `The list of the vault has more than ${LIST_PAGES_MAX} pages`);
  }

  async close(): Promise<void> {
    this.#parts.closeSockets();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #send<T>(
    operation: string,
    writes: boolean,
    call: Call,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<Sent<T>> {
    await this.prime(call);
    const log: ExchangeLog = { last: undefined };
    const startedAt = this.#parts.clock.now();
    try {
      return { kind: "done", value: await noting(log, () => work(call.signal)) };
    } catch (thrown) {
      const answer = log.last?.answer;
      const outcome = answer === undefined ? undefined : outcomeOf(answer);
      if (outcome !== undefined) return outcome;
      throw toVaultError(
        thrown,
        { operation, writes, signal: call.signal },
        log.last,
        this.#parts.clock.now(),
      );
    } finally {
      this.#log(operation, log, startedAt);
    }
  }

  #log(operation: string, log: ExchangeLog, startedAt: number): void {
    const { answer, failure } = log.last ?? {};
    this.#parts.logger.debug(
      {
        vaultHost: this.vaultHost,
        operation,
        status: answer?.status,
        code: answer?.innerCode ?? answer?.code ?? failure,
        requestId: answer?.requestId,
        tookMs: this.#parts.clock.now() - startedAt,
      },
      "Key Vault call",
    );
  }
}

const PAGE_SIZE = 25; // the most that Key Vault takes
const LIST_PAGES_MAX = 40_000; // a million secrets; a server that links its pages in a ring must not hold us for ever

const CONFLICTS: Readonly<Record<string, ConflictReason>> = {
  ObjectIsDeletedButRecoverable: "deleted-recoverable",
  ObjectIsBeingDeleted: "being-deleted",
  ObjectIsBeingRecovered: "being-recovered",
};

function outcomeOf(answer: Answer): Absent | Conflict | undefined {
  // Only Key Vault's own 404: one of a gateway in between must not pass for "is not there" (P1, P3).
  if (answer.status === 404 && answer.code === "SecretNotFound") return { kind: "absent" };
  if (answer.status !== 409) return undefined;
  return { kind: "conflict", reason: CONFLICTS[answer.innerCode ?? ""] ?? "other" };
}

function throwUnlessOk(status: number): void {
  // Caught by #send, which has the answer.
  if (status < 200 || status > 299) throw new Error("refused");
}

function onlyDone<T>(sent: Sent<T>, operation: string): T {
  if (sent.kind === "done") return sent.value;
  const code = sent.kind === "conflict" ? "vault-conflict" : "vault-error";
  throw new KeyferryError(code, `Key Vault gave an unexpected answer to ${operation}`, { operation });
}

function attributesOf(attributes: Partial<SecretAttributes>): SetSecretOptions {
  const { contentType, tags, enabled, notBefore, expires } = attributes;
  return {
    ...(contentType === undefined ? {} : { contentType }),
    ...(tags === undefined ? {} : { tags: { ...tags } }),
    ...(enabled === undefined ? {} : { enabled }),
    ...(notBefore === undefined ? {} : { notBefore: new Date(notBefore) }),
    ...(expires === undefined ? {} : { expiresOn: new Date(expires) }),
  };
}

/** By digests of equal length: how long it takes tells nothing of either. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text, "utf8").digest();
  return timingSafeEqual(digest(a), digest(b));
}

function versionOf(properties: SecretProperties): SecretVersion {
  return {
    version: properties.version ?? "",
    tags: properties.tags ?? {},
    createdOn: properties.createdOn?.getTime() ?? 0,
    enabled: properties.enabled ?? true,
    notBefore: properties.notBefore?.getTime(),
    expires: properties.expiresOn?.getTime(),
    managed: properties.managed ?? false,
    contentType: properties.contentType,
  };
}

function listedOf(properties: SecretProperties): SecretListed {
  return {
    name: properties.name,
    tags: properties.tags ?? {},
    updatedOn: properties.updatedOn?.getTime() ?? 0,
    enabled: properties.enabled ?? true,
    notBefore: properties.notBefore?.getTime(),
    expires: properties.expiresOn?.getTime(),
    managed: properties.managed ?? false,
    contentType: properties.contentType,
    recoveryLevel: properties.recoveryLevel,
  };
}
