// Owns: what every request of the API goes through: the caller, its right, the time it may take, the answer's envelope.
// Does not own which paths there are: routes.ts, system-routes.ts.

import type { FastifyReply, FastifyRequest } from "fastify";
import type { AssociationIndex } from "../associations/association-index.ts";
import type { AssociationReader } from "../associations/association-reader.ts";
import type { EffectiveAssociations } from "../associations/effective-associations.ts";
import type { AssociationWriter } from "../associations/association-writer.ts";
import type { SecretFinder } from "../associations/resolve-secret.ts";
import type { Authoriser, Capability } from "../authorise/authorise.ts";
import { type Caller, callerOf } from "../authorise/caller.ts";
import { orAborted } from "../boot/shared-looks.ts";
import type { DestinationIndex } from "../destinations/destination-index.ts";
import type { DestinationWriter } from "../destinations/destination-writer.ts";
import type { ForceDeletion } from "../destinations/force-deletion.ts";
import type { OperationsParts } from "../operations/parts.ts";
import type { PauseStore } from "../pauses/pause-store.ts";
import type { Approvals } from "../permits/approvals.ts";
import type { Tombstones } from "../resolve/tombstones.ts";
import type { RuleBook } from "../rules/rule-book.ts";
import type { RuleWriter } from "../rules/rule-writer.ts";
import type { ConnectionChecks } from "../ports.ts";
import type { SyncConfigStore } from "../sync-config/sync-config-store.ts";
import { fieldsOf } from "./coerce.ts";
import { envelope, envelopePieces } from "./envelope.ts";
import { badRequest } from "./refusal.ts";
import { pathOfRequest } from "./request-path.ts";

/** What the routes hand requests on to; made when NATS and the source have answered. */
export interface ApiParts {
  readonly authoriser: Authoriser;
  readonly destinations: DestinationIndex;
  readonly associations: AssociationIndex;
  readonly effective: EffectiveAssociations;
  readonly rules: RuleBook;
  readonly ruleWriter: RuleWriter;
  readonly approvals: Approvals;
  readonly tombstones: Tombstones;
  readonly pauses: PauseStore;
  readonly destinationWriter: DestinationWriter;
  readonly connectionChecks: ConnectionChecks;
  readonly associationReader: AssociationReader;
  readonly associationWriter: AssociationWriter;
  readonly secretFinder: SecretFinder;
  readonly forceDeletion: ForceDeletion;
  readonly syncConfig: SyncConfigStore;
  readonly operations: OperationsParts;
}

export interface RoutesOptions {
  /** @throws Refusal 503 that says what is away */
  /** For a path. @throws Refusal 503 while what it needs is away */
  readonly parts: (path: string) => ApiParts;
  readonly defaultNamespace: string;
  /** How long a request may wait for NATS or the source before it is answered with 503, ms. */
  readonly patienceMs: number;
}

type Data = Readonly<Record<string, unknown>>;

/** A request on its way. */
export interface Call {
  readonly caller: Caller;
  readonly parts: ApiParts;
  readonly request: FastifyRequest;
  readonly signal: AbortSignal;
  /** What is called, without `v1/` and without a slash at its end. */
  readonly path: string;
}

/** What a handler answers: data in the envelope, the same as JSON already, or nothing (204). */
export type Answer =
  | { readonly data: Data; readonly warnings?: readonly string[] }
  | { readonly dataBytes: readonly Buffer[] }
  | undefined;
/** What one operation does. */
export type Handle = (call: Call) => Promise<Answer>;

const JSON_TYPE = "application/json; charset=utf-8";

/** Hands a request on and answers it; what is thrown is answered by the server. */
export async function answer(
  options: RoutesOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  handle: Handle,
): Promise<unknown> {
  const caller = callerOf(request.headers, options.defaultNamespace);
  const patience = new AbortController();
  // Not AbortSignal.timeout: its timers would stay until they end, thousands at a time under load.
  const timer = setTimeout(() => patience.abort(new DOMException("", "TimeoutError")), options.patienceMs);
  try {
    const { signal } = patience;
    const path = pathOfRequest(request.url);
    // A view that NATS has stopped feeding would let a request hang; what it was doing ends by itself.
    const parts = options.parts(path);
    const result = await orAborted(handle({ caller, parts, request, signal, path }), signal);
    if (result === undefined) return await reply.code(204).send();
    if ("data" in result) {
      return await reply.code(200).send(envelope(request.id, result.data, result.warnings));
    }
    return sendPieces(reply, envelopePieces(request.id, result.dataBytes));
  } finally {
    clearTimeout(timer);
  }
}

// Straight to the socket: put together first, the pieces of a large destination would cost more than all else of a set.
function sendPieces(reply: FastifyReply, pieces: readonly Buffer[]): FastifyReply {
  reply.hijack();
  const { raw } = reply;
  const sizeBytes = pieces.reduce((sum, { length }) => sum + length, 0);
  raw.writeHead(200, { "content-type": JSON_TYPE, "content-length": sizeBytes });
  raw.cork();
  for (const piece of pieces) raw.write(piece);
  raw.end();
  raw.uncork();
  return reply;
}

// Vault's policies match a list with a slash at its end, also where they are written without one.
export async function authoriseRead(
  { caller, parts, path, signal }: Call,
  capability: "read" | "list",
): Promise<void> {
  const asked = capability === "list" ? `${path}/` : path;
  await parts.authoriser.read(caller, { path: asked, anyOf: [capability] }, signal);
}

/** @throws Refusal 403 */
export async function authoriseWrite(
  { caller, parts, path, signal }: Call,
  ...anyOf: readonly Capability[]
): Promise<void> {
  await parts.authoriser.write(caller, [{ path, anyOf }], signal);
}

/** @throws Refusal 400 */
export function bodyOf(request: FastifyRequest): Readonly<Record<string, unknown>> {
  const fields = fieldsOf(request.body);
  if (fields === undefined) throw badRequest("the body is not a JSON object: send the fields as one");
  return fields;
}
