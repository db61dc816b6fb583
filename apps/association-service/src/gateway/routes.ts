// Owns: the paths of /v1/sys/sync and /v1/sys/activation-flags, what right each takes, and what it answers (reference:
// sections 1.1 to 1.8). Everything that decides is elsewhere; here a request is read, authorised, handed on, answered.

import type { DestinationRecord } from "@keyferry/contracts";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { AssociationReader } from "../associations/association-reader.ts";
import type { AssociationWriter } from "../associations/association-writer.ts";
import { readNamedSecret, type SecretFinder } from "../associations/resolve-secret.ts";
import type { Authoriser, Capability } from "../authorise/authorise.ts";
import { type Caller, callerOf } from "../authorise/caller.ts";
import { destinationAnswer } from "../destinations/destination-answer.ts";
import { readDestinationFields } from "../destinations/destination-fields.ts";
import type { DestinationIndex } from "../destinations/destination-index.ts";
import type { DestinationIdentity } from "../destinations/destination-key.ts";
import type { DestinationWriter } from "../destinations/destination-writer.ts";
import { fieldsOf, flagField } from "./coerce.ts";
import { envelope } from "./envelope.ts";
import { absent, badRequest, Refusal } from "./refusal.ts";
import { pathOfRequest } from "./request-path.ts";

/** What the routes hand requests on to; made when NATS and the source have answered. */
export interface ApiParts {
  readonly authoriser: Authoriser;
  readonly destinations: DestinationIndex;
  readonly destinationWriter: DestinationWriter;
  readonly associationReader: AssociationReader;
  readonly associationWriter: AssociationWriter;
  readonly secretFinder: SecretFinder;
}

export interface RoutesOptions {
  /** @throws Refusal 503 that says what is away */
  readonly parts: () => ApiParts;
  readonly defaultNamespace: string;
  /** How long a request may wait for NATS or the source before it is answered with 503, ms. */
  readonly patienceMs: number;
}

type Data = Readonly<Record<string, unknown>>;

interface Call {
  readonly caller: Caller;
  readonly parts: ApiParts;
  readonly request: FastifyRequest;
  readonly signal: AbortSignal;
  /** What is called, without `v1/` and without a slash at its end. */
  readonly path: string;
}

/** What a handler answers: data in the envelope, or nothing (204). */
type Answer = { readonly data: Data; readonly warnings?: readonly string[] } | undefined;
type Handle = (call: Call) => Promise<Answer>;

const TYPE = "azure-kv";
const SYNC = "/v1/sys/sync";
const ONE = `${SYNC}/destinations/:type/:name`;
// Vault's framework: letters, digits, `_`, with `-` and `.` inside.
const NAME = /^\w(?:[\w.-]*\w)?$/;
const NAME_CHARACTERS_MAX = 128;
const FLAGS = { activated: ["secrets-sync"], unactivated: [] };

/** Registers all routes of the API. */
export function addApiRoutes(server: FastifyInstance, options: RoutesOptions): void {
  const read = (url: string, capability: "read" | "list", handle: Handle) =>
    server.get(url, (request, reply) =>
      answer(options, request, reply, async (call) => {
        await authoriseRead(call, capability);
        return handle(call);
      }),
    );
  const write = (method: ("PUT" | "POST" | "PATCH" | "DELETE")[], url: string, handle: Handle) =>
    server.route({
      method,
      url,
      handler: (request, reply) => answer(options, request, reply, handle),
    });

  read(`${SYNC}/destinations`, "list", listDestinations);
  read(`${SYNC}/destinations/:type`, "list", listOfType);
  read(ONE, "read", readDestination);
  write(["PUT", "POST"], ONE, (call) => writeDestination(call, "replace"));
  write(["PATCH"], ONE, (call) => writeDestination(call, "merge"));
  write(["DELETE"], ONE, deleteDestination);
  read(`${ONE}/associations`, "read", readAssociations);
  write(["PUT", "POST"], `${ONE}/associations/set`, setAssociation);
  write(["PUT", "POST"], `${ONE}/associations/remove`, removeAssociation);
  read(`${SYNC}/associations`, "list", listAssociations);
  read(`${SYNC}/associations/destinations`, "read", readDestinationsOfSecret);
  addActivationFlags(server, write);
  // Nothing below these two prefixes is Vault's: it must not fall through to the pass-through.
  for (const prefix of [SYNC, "/v1/sys/activation-flags"]) {
    server.all(`${prefix}/*`, async () => {
      throw new Refusal(404, ["unsupported path"]);
    });
  }
}

function addActivationFlags(
  server: FastifyInstance,
  write: (method: ("PUT" | "POST")[], url: string, handle: Handle) => void,
): void {
  // Unauthenticated, as in Vault: its UI asks before anybody has logged in (reference 1.1).
  server.get("/v1/sys/activation-flags", async (request) => envelope(request.id, FLAGS));
  write(["PUT", "POST"], "/v1/sys/activation-flags/secrets-sync/activate", async (call) => {
    const { caller, parts, path, signal } = call;
    await parts.authoriser.write(
      caller,
      [
        { path, anyOf: ["update"] },
        { path, anyOf: ["sudo"] },
      ],
      signal,
    );
    return { data: FLAGS };
  });
}

async function answer(
  options: RoutesOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  handle: Handle,
): Promise<unknown> {
  const caller = callerOf(request.headers, options.defaultNamespace);
  const call: Call = {
    caller,
    parts: options.parts(),
    request,
    signal: AbortSignal.timeout(options.patienceMs),
    path: pathOfRequest(request.url),
  };
  const result = await withPatience(handle(call), call.signal);
  if (result === undefined) return reply.code(204).send();
  return reply.code(200).send(envelope(request.id, result.data, result.warnings));
}

// A view that NATS has stopped feeding would let a request hang; what it was doing ends by itself.
function withPatience<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const giveUp = () => reject(signal.reason as Error);
    signal.addEventListener("abort", giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
  });
}

// Vault's policies match a list with a slash at its end, also where they are written without one.
async function authoriseRead(
  { caller, parts, path, signal }: Call,
  capability: "read" | "list",
): Promise<void> {
  const asked = capability === "list" ? `${path}/` : path;
  await parts.authoriser.read(caller, { path: asked, anyOf: [capability] }, signal);
}

async function authoriseWrite(
  { caller, parts, path, signal }: Call,
  ...anyOf: readonly Capability[]
): Promise<void> {
  await parts.authoriser.write(caller, [{ path, anyOf }], signal);
}

async function listDestinations({ caller, parts, signal }: Call): Promise<Answer> {
  await parts.destinations.caughtUp(signal);
  const names = parts.destinations.inNamespace(caller.namespace).map(({ entry }) => entry.value.name);
  if (names.length === 0) throw absent();
  return {
    data: { key_info: { [`${TYPE}/`]: names }, keys: [`${TYPE}/`], total_destinations: names.length },
  };
}

async function listOfType({ caller, parts, request, signal }: Call): Promise<Answer> {
  refuseOtherTypes(request, 404);
  await parts.destinations.caughtUp(signal);
  const keys = parts.destinations.inNamespace(caller.namespace).map(({ entry }) => entry.value.name);
  if (keys.length === 0) throw absent();
  return { data: { keys, total_destinations: keys.length } };
}

async function readDestination(call: Call): Promise<Answer> {
  return { data: destinationAnswer(await findDestination(call)) };
}

async function writeDestination(call: Call, mode: "replace" | "merge"): Promise<Answer> {
  const { parts, request } = call;
  await authoriseWrite(call, ...(mode === "merge" ? (["patch"] as const) : (["create", "update"] as const)));
  const identity = identityOf(call, 400);
  const fields = readDestinationFields(bodyOf(request));
  if (fields.kind === "refused") throw badRequest(...fields.errors);
  const record = await parts.destinationWriter.write(identity, { mode, fields: fields.fields });
  const warnings =
    fields.ignored.length === 0
      ? []
      : [`Endpoint ignored these unrecognized parameters: [${fields.ignored.join(" ")}]`];
  return { data: destinationAnswer(record), warnings };
}

async function deleteDestination(call: Call): Promise<Answer> {
  await authoriseWrite(call, "delete");
  const identity = identityOf(call, 404);
  const { purge, force } = readDeleteFlags(call.request);
  if (force) throw badRequest("force_delete is not supported by this release: use purge=true");
  const { destinationWriter } = call.parts;
  await (purge ? destinationWriter.purge(identity) : destinationWriter.delete(identity));
  return undefined;
}

async function readAssociations(call: Call): Promise<Answer> {
  const destination = await findDestination(call);
  await call.parts.associationReader.caughtUp(call.signal);
  return { data: call.parts.associationReader.ofDestination(destination) };
}

async function setAssociation(call: Call): Promise<Answer> {
  const { caller, parts, request, signal } = call;
  await authoriseWrite(call, "create", "update");
  const identity = identityOf(call, 404);
  const named = readNamedSecret(bodyOf(request));
  await parts.associationWriter.activeDestination(identity);
  const secret = await parts.secretFinder.find(caller, named, signal);
  await parts.associationWriter.set(identity, secret);
  return readAssociations(call);
}

async function removeAssociation(call: Call): Promise<Answer> {
  const { parts, request } = call;
  await authoriseWrite(call, "create", "update");
  const identity = identityOf(call, 404);
  const { mount, path } = readNamedSecret(bodyOf(request));
  const destination = await parts.associationWriter.activeDestination(identity);
  await parts.associationWriter.remove(destination, mount, path);
  return readAssociations(call);
}

async function listAssociations({ caller, parts, signal }: Call): Promise<Answer> {
  await parts.associationReader.caughtUp(signal);
  const data = parts.associationReader.list(caller.namespace);
  if (data === undefined) throw absent();
  return { data };
}

async function readDestinationsOfSecret({ caller, parts, request, signal }: Call): Promise<Answer> {
  const { mount, path } = readNamedSecret(request.query as Readonly<Record<string, unknown>>);
  await parts.associationReader.caughtUp(signal);
  const data = parts.associationReader.destinationsOf(caller.namespace, mount, path);
  if (data === undefined) throw absent();
  return { data };
}

async function findDestination(call: Call): Promise<DestinationRecord> {
  const { destinations } = call.parts;
  const identity = identityOf(call, 404);
  await destinations.caughtUp(call.signal);
  const row = destinations.byName(identity);
  if (row === undefined) throw absent();
  return row.entry.value;
}

function identityOf({ caller, request }: Call, otherTypes: 400 | 404): DestinationIdentity {
  refuseOtherTypes(request, otherTypes);
  const { name = "" } = request.params as { name?: string };
  if (!NAME.test(name) || name.length > NAME_CHARACTERS_MAX) {
    throw badRequest(
      `name: use 1 to ${NAME_CHARACTERS_MAX} letters, digits and '_', with '-' and '.' inside: not as the first or last character`,
    );
  }
  return { namespace: caller.namespace, type: TYPE, name };
}

function refuseOtherTypes(request: FastifyRequest, status: 400 | 404): void {
  const { type = "" } = request.params as { type?: string };
  if (type === TYPE) return;
  throw new Refusal(status, [`destination type is not supported: this server syncs to ${TYPE} only`]);
}

function bodyOf(request: FastifyRequest): Readonly<Record<string, unknown>> {
  const fields = fieldsOf(request.body);
  if (fields === undefined) throw badRequest("the body is not a JSON object: send the fields as one");
  return fields;
}

// They are query parameters; a body is looked at too, as Vault's framework does.
function readDeleteFlags(request: FastifyRequest): { readonly purge: boolean; readonly force: boolean } {
  const given = { ...bodyOf(request), ...(request.query as Readonly<Record<string, unknown>>) };
  const errors: string[] = [];
  const flag = (name: string): boolean => {
    const value = given[name];
    if (value === undefined || value === null) return false;
    const parsed = flagField.safeParse(value);
    if (!parsed.success) errors.push(`${name} is neither true nor false: send true or false`);
    return parsed.success && parsed.data;
  };
  const flags = { purge: flag("purge"), force: flag("force_delete") };
  if (errors.length > 0) throw badRequest(...errors);
  return flags;
}
