// Owns: the paths of /v1/sys/sync and /v1/sys/activation-flags, what right each takes, and what it answers (reference:
// sections 1.1 to 1.8). Everything that decides is elsewhere; here a request is read, authorised, handed on, answered.

import { type CheckFinding, type DestinationRecord, isSourceAllowed } from "@keyferry/contracts";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { type NamedSecret, readNamedSecret, removalSchema } from "../associations/resolve-secret.ts";
import { askSink } from "../destinations/connection-check.ts";
import { destinationAnswer } from "../destinations/destination-answer.ts";
import { type FieldsRead, readDestinationFields } from "../destinations/destination-fields.ts";
import { addOperationRoutes } from "../operations/routes.ts";
import { type Answer, authoriseWrite, bodyOf, type Call, type RoutesOptions } from "./call.ts";
import { describeIssues, flagField } from "./coerce.ts";
import { redirectToClean } from "./clean-path.ts";
import { identityOf, refuseOtherTypes } from "./destination-identity.ts";
import { OperationTable } from "./operation-table.ts";
import { addPauseRoutes } from "./pause-routes.ts";
import { absent, badRequest, Refusal, unsupportedPath } from "./refusal.ts";
import { addRuleRoutes } from "./rule-routes.ts";
import { addSystemRoutes } from "./system-routes.ts";

const TYPE = "azure-kv";
const SYNC = "/v1/sys/sync";
const ONE = `${SYNC}/destinations/:type/:name`;
const DISABLED =
  "secrets sync is disabled: nothing would be unsynced. Send disabled=false to sys/sync/config, then delete";
const SET_RIGHTS = ["create", "update"] as const;

/** Registers all routes of the API. */
export function addApiRoutes(server: FastifyInstance, options: RoutesOptions): void {
  const operations = new OperationTable(server, options);
  const { read, write } = operations;
  read(`${SYNC}/destinations`, "list", listDestinations);
  read(`${SYNC}/destinations/:type`, "list", listOfType);
  read(ONE, "read", readDestination);
  write(["PUT", "POST"], ONE, (call) => writeDestination(call, "replace"));
  write(["PATCH"], ONE, (call) => writeDestination(call, "merge"));
  write(["DELETE"], ONE, deleteDestination);
  read(`${ONE}/associations`, "read", readAssociations);
  write(["PUT", "POST"], `${ONE}/associations/set`, setAssociation);
  write(["PUT", "POST"], `${ONE}/associations/remove`, removeAssociation);
  write(["PUT", "POST"], `${ONE}/check`, checkDestination);
  read(`${SYNC}/associations`, "list", listAssociations);
  read(`${SYNC}/associations/destinations`, "read", readDestinationsOfSecret);
  read(`${SYNC}/associations/:mount/:secret_name`, "read", readDestinationsOfPath);
  addSystemRoutes(server, operations);
  addPauseRoutes(operations);
  addRuleRoutes(operations);
  addOperationRoutes(operations);
  operations.refuseOthers();
  // Nothing below these two prefixes is Vault's: it must not fall through to the pass-through.
  for (const prefix of [SYNC, "/v1/sys/activation-flags"]) {
    server.all(`${prefix}/*`, async (request, reply) => {
      if (redirectToClean(request, reply)) return reply;
      throw unsupportedPath();
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
  const { record, warnings } = await parts.destinationWriter.write(identity, { mode, fields: fields.fields });
  const told = [...fieldWarnings(fields), ...warnings, ...(await shutOutWarnings(call, record))];
  return { data: destinationAnswer(record), warnings: told };
}

const SHUT_OUT_NAMED = 3;

// Narrowed, or a rule of it reaches further: nothing is removed, but what lies outside is updated no more.
async function shutOutWarnings(
  { parts, signal }: Call,
  record: DestinationRecord,
): Promise<readonly string[]> {
  if (record.source?.allowed === undefined) return [];
  await parts.effective.caughtUp(signal);
  const shutOut = parts.effective.ofDestination(record.uid).flatMap(({ entry: { value } }) => {
    if (value.state !== "active" || isSourceAllowed(record.source, value.secret)) return [];
    return [`${value.secret.mount}/${value.secret.path}`];
  });
  if (shutOut.length === 0) return [];
  const named = shutOut.sort().slice(0, SHUT_OUT_NAMED).join(", ");
  const more = shutOut.length > SHUT_OUT_NAMED ? ` and ${shutOut.length - SHUT_OUT_NAMED} more` : "";
  return [
    `allowed_sources shuts out associations that are there: ${named}${more}. They stay in Key Vault as they are and are not ` +
      "updated: remove them, or add their places to allowed_sources",
  ];
}

function fieldWarnings({ fields, ignored }: Extract<FieldsRead, { kind: "ok" }>): readonly string[] {
  const unknown =
    ignored.length === 0 ? [] : [`Endpoint ignored these unrecognized parameters: [${ignored.join(" ")}]`];
  const life = fields.identity_token_ttl ?? 0;
  return life === 0
    ? unknown
    : [
        ...unknown,
        "identity_token_ttl is stored without effect: the sink's platform decides how long its token lives",
      ];
}

async function deleteDestination(call: Call): Promise<Answer> {
  await authoriseWrite(call, "delete");
  const identity = identityOf(call, 404);
  const { purge, force } = readDeleteFlags(call.request);
  const { destinationWriter, forceDeletion, pauses } = call.parts;
  if ((await pauses.read()).all !== null) throw badRequest(DISABLED);
  if (force) await forceDeletion.run(identity);
  else await (purge ? destinationWriter.purge(identity) : destinationWriter.delete(identity));
  return undefined;
}

// Of a destination that is not there too: Terraform's provider panics on 404 (reference: section 9, trap 7), as it would
// after somebody deleted the destination by hand.
async function readAssociations(call: Call): Promise<Answer> {
  const { parts, signal } = call;
  const identity = identityOf(call, 404);
  await parts.associationReader.caughtUp(signal);
  const known = parts.destinations.byName(identity)?.entry.value;
  if (known !== undefined) return rowsOf(call, known);
  return { data: { store_name: identity.name, store_type: identity.type, associated_secrets: {} } };
}

// Before anything is wrong as well as after: a sink looks, from where it writes and as who it writes.
async function checkDestination(call: Call): Promise<Answer> {
  await authoriseWrite(call, "create", "update");
  const { name, connection } = await findDestination(call);
  const sent = bodyOf(call.request)["write"];
  const write = flagField.safeParse(sent ?? false);
  if (!write.success) throw badRequest("write is neither true nor false: send true or false");
  const findings = await askSink(call.parts.connectionChecks, name, connection, write.data);
  return { data: { findings: (findings ?? [NO_SINK]).map(toldOf) } };
}

function toldOf({ check, ok, detail, advice }: CheckFinding): Readonly<Record<string, unknown>> {
  return { check, ok, detail, ...(advice === undefined ? {} : { advice }) };
}

const NO_SINK: CheckFinding = {
  check: "sink",
  ok: false,
  detail: "no azure-sink answered within ten seconds",
  advice: "Start an azure-sink, or see at its /readyz what it waits for.",
  isCertain: false,
};

function rowsOf({ parts }: Call, destination: DestinationRecord): Answer {
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
  refuseOtherSources(destination.value, named);
  const secret = await parts.secretFinder.find(caller, named, mayRead, signal);
  const { sequence } = await parts.associationWriter.set(identity, destination, secret);
  // Its own write has to show; how far the others are is the next read's to ask NATS about.
  await parts.associationReader.reached(sequence, signal);
  return rowsOf(call, destination.value);
}

// The sink holds to it again, as it may be narrowed later. Told after the right to set, which is a right on the destination.
function refuseOtherSources({ name, source }: DestinationRecord, secret: NamedSecret): void {
  if (isSourceAllowed(source, secret)) return;
  throw new Refusal(403, [
    `${secret.mount}/${secret.path} is outside of allowed_sources of destination ${name}: ${(source?.allowed ?? []).join(", ")}`,
  ]);
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
  const { parts, request, signal } = call;
  await authoriseWrite(call, "create", "update");
  const identity = identityOf(call, 404);
  const { mount, path } = readNamedSecret(bodyOf(request));
  const { value: destination } = await parts.associationWriter.activeDestination(identity);
  const force = readForce(request);
  const sequence = await parts.associationWriter.remove(destination, mount, path);
  if (force) await giveUp(call, destination, mount, path);
  await parts.associationReader.reached(sequence, signal);
  return rowsOf(call, destination);
}

function readForce(request: FastifyRequest): boolean {
  const parsed = removalSchema.safeParse(bodyOf(request));
  if (!parsed.success) throw badRequest(...describeIssues(parsed.error));
  return parsed.data.force ?? false;
}

async function giveUp(
  { parts }: Call,
  { uid, name, namespace, connection }: DestinationRecord,
  mount: string,
  path: string,
) {
  for (const { entry } of parts.associations.ofPath(namespace, mount, path)) {
    const { destination, secretKey } = entry.value;
    const at = { destination: name, keyVaultUri: connection.keyVaultUri };
    if (destination === uid) await parts.tombstones.giveUp({ destination, secretKey }, at);
  }
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
