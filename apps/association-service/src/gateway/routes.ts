// Owns: the paths of /v1/sys/sync and /v1/sys/activation-flags, what right each takes, and what it answers (reference:
// sections 1.1 to 1.8). Everything that decides is elsewhere; here a request is read, authorised, handed on, answered.

import type { DestinationRecord } from "@keyferry/contracts";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { type NamedSecret, readNamedSecret } from "../associations/resolve-secret.ts";
import { destinationAnswer } from "../destinations/destination-answer.ts";
import { readDestinationFields } from "../destinations/destination-fields.ts";
import type { DestinationIdentity } from "../destinations/destination-key.ts";
import {
  type Answer,
  answer,
  authoriseRead,
  authoriseWrite,
  bodyOf,
  type Call,
  type RoutesOptions,
} from "./call.ts";
import { flagField } from "./coerce.ts";
import { absent, badRequest, Refusal } from "./refusal.ts";
import { type AddRead, addSystemRoutes, type AddWrite } from "./system-routes.ts";

const TYPE = "azure-kv";
const SYNC = "/v1/sys/sync";
const ONE = `${SYNC}/destinations/:type/:name`;
// Vault's framework: letters, digits, `_`, with `-` and `.` inside.
const NAME = /^\w(?:[\w.-]*\w)?$/;
const NAME_CHARACTERS_MAX = 128;
const SET_RIGHTS = ["create", "update"] as const;

/** Registers all routes of the API. */
export function addApiRoutes(server: FastifyInstance, options: RoutesOptions): void {
  const read: AddRead = (url, capability, handle) =>
    void server.get(url, (request, reply) =>
      answer(options, request, reply, async (call) => {
        await authoriseRead(call, capability);
        return handle(call);
      }),
    );
  const write: AddWrite = (method, url, handle) =>
    void server.route({
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
  read(`${SYNC}/associations/:mount/:secret_name`, "read", readDestinationsOfPath);
  addSystemRoutes(server, { read, write });
  // Nothing below these two prefixes is Vault's: it must not fall through to the pass-through.
  for (const prefix of [SYNC, "/v1/sys/activation-flags"]) {
    server.all(`${prefix}/*`, async () => {
      throw new Refusal(404, ["unsupported path"]);
    });
  }
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
  const { destinationWriter, forceDeletion } = call.parts;
  if (force) await forceDeletion.run(identity);
  else await (purge ? destinationWriter.purge(identity) : destinationWriter.delete(identity));
  return undefined;
}

async function readAssociations(call: Call): Promise<Answer> {
  return rowsOf(call, await findDestination(call));
}

async function rowsOf({ parts, signal }: Call, destination: DestinationRecord): Promise<Answer> {
  await parts.associationReader.caughtUp(signal);
  return { dataBytes: parts.associationReader.ofDestination(destination) };
}

async function setAssociation(call: Call): Promise<Answer> {
  const { caller, parts, path, request, signal } = call;
  const named = namedSecretOf(request);
  // One that names no secret still learns first whether it may set at all.
  if (named instanceof Refusal) {
    await authoriseWrite(call, ...SET_RIGHTS);
    identityOf(call, 404);
    throw named;
  }
  const { mayRead } = await parts.authoriser.set(caller, { path, anyOf: SET_RIGHTS }, named, signal);
  const identity = identityOf(call, 404);
  // What the view shows as active is read again after the write; only what it does not show needs the leader before.
  const known = parts.destinations.byName(identity)?.entry;
  const destination =
    known?.value.state === "active" ? known : await parts.associationWriter.activeDestination(identity);
  const secret = await parts.secretFinder.find(caller, named, mayRead, signal);
  await parts.associationWriter.set(identity, destination, secret);
  return rowsOf(call, destination.value);
}

function namedSecretOf(request: FastifyRequest): NamedSecret | Refusal {
  try {
    return readNamedSecret(bodyOf(request));
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

async function removeAssociation(call: Call): Promise<Answer> {
  const { parts, request } = call;
  await authoriseWrite(call, "create", "update");
  const identity = identityOf(call, 404);
  const { mount, path } = readNamedSecret(bodyOf(request));
  const { value: destination } = await parts.associationWriter.activeDestination(identity);
  await parts.associationWriter.remove(destination, mount, path);
  return rowsOf(call, destination);
}

async function listAssociations({ caller, parts, signal }: Call): Promise<Answer> {
  await parts.associationReader.caughtUp(signal);
  const data = parts.associationReader.list(caller.namespace);
  if (data === undefined) throw absent();
  return { data };
}

function readDestinationsOfSecret(call: Call): Promise<Answer> {
  return destinationsOf(call, call.request.query as Readonly<Record<string, unknown>>);
}

// For names without slashes. With an encoded one the path that was authorised could mean two secrets.
function readDestinationsOfPath(call: Call): Promise<Answer> {
  const named = call.request.params as { readonly mount: string; readonly secret_name: string };
  if (named.mount.includes("/") || named.secret_name.includes("/")) {
    throw badRequest(
      "the path has an encoded slash: use sys/sync/associations/destinations?mount=…&secret_name=…",
    );
  }
  return destinationsOf(call, named);
}

async function destinationsOf(
  { caller, parts, signal }: Call,
  named: Readonly<Record<string, unknown>>,
): Promise<Answer> {
  const { mount, path } = readNamedSecret(named);
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
