// Owns: every operation of the API as a table: method, path, what it takes, what it answers. The OpenAPI document is made
// of it, and answers in tests are judged by it. Does not own the routes: a test holds the two together.

import { z } from "zod";
import { namedSecretSchema, removalSchema } from "../associations/resolve-secret.ts";
import { destinationFieldsSchema } from "../destinations/destination-fields.ts";
import { OPERATED } from "../operations/described.ts";
import { RULED } from "./rule-operations.ts";
import { flagField } from "../gateway/coerce.ts";
import { pauseFieldsSchema, resumeFieldsSchema } from "../pauses/pause-fields.ts";
import { syncConfigFieldsSchema } from "../sync-config/sync-config-store.ts";
import {
  activationFlagsSchema,
  associationListSchema,
  associationsSchema,
  connectionCheckSchema,
  destinationListSchema,
  destinationNamesSchema,
  destinationSchema,
  destinationsOfSecretSchema,
  pausesSchema,
  syncConfigSchema,
} from "./answer-schemas.ts";

export type Method = "get" | "put" | "post" | "patch" | "delete";

export interface Operation {
  readonly id: string;
  readonly methods: readonly Method[];
  /** Below `/v1`, with parameters in braces. */
  readonly path: string;
  readonly summary: string;
  /** On the path that is called; undefined: no token is needed. */
  readonly capability: string | undefined;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodObject;
  /** `data` of the envelope; `nothing` is 204; `document` is this API's description itself. */
  readonly answers: { readonly name: string; readonly data: z.ZodType } | "nothing" | "document";
  /** Errors that the operation itself can answer with, beside those of every operation. */
  readonly errors: readonly number[];
}

const ONE = "/sys/sync/destinations/azure-kv/{name}";
const list = z.object({ list: z.literal("true").describe("As the method LIST.") });
const deletion = z.object({
  purge: flagField.optional().describe("Unsync and remove all associations first; ends later by itself."),
  force_delete: flagField.optional().describe("Delete at once; what lies in Key Vault stays there."),
});
const destination = { name: "Destination", data: destinationSchema };
const associations = { name: "Associations", data: associationsSchema };
const destinationsOfSecret = { name: "DestinationsOfSecret", data: destinationsOfSecretSchema };
const config = { name: "SyncConfig", data: syncConfigSchema };
const pauses = { name: "Pauses", data: pausesSchema };
const writes = "create or update";

export const OPERATIONS: readonly Operation[] = [
  {
    id: "listDestinations",
    methods: ["get"],
    path: "/sys/sync/destinations/",
    summary: "All destinations, by type",
    capability: "list",
    query: list,
    answers: { name: "DestinationList", data: destinationListSchema },
    errors: [],
  },
  {
    id: "listDestinationsOfType",
    methods: ["get"],
    path: "/sys/sync/destinations/azure-kv/",
    summary: "The destinations of the type azure-kv",
    capability: "list",
    query: list,
    answers: { name: "DestinationNames", data: destinationNamesSchema },
    errors: [],
  },
  {
    id: "readDestination",
    methods: ["get"],
    path: ONE,
    summary: "A destination, its secret masked",
    capability: "read",
    answers: destination,
    errors: [],
  },
  {
    id: "writeDestination",
    methods: ["put", "post"],
    path: ONE,
    summary: "Makes or replaces a destination",
    capability: writes,
    body: destinationFieldsSchema,
    answers: destination,
    errors: [],
  },
  {
    id: "patchDestination",
    methods: ["patch"],
    path: ONE,
    summary: "Changes the fields that are sent; null takes a value away",
    capability: "patch",
    body: destinationFieldsSchema,
    answers: destination,
    errors: [415],
  },
  {
    id: "deleteDestination",
    methods: ["delete"],
    path: ONE,
    summary: "Deletes a destination without associations, or purges it",
    capability: "delete",
    query: deletion,
    answers: "nothing",
    errors: [],
  },
  {
    id: "readAssociations",
    methods: ["get"],
    path: `${ONE}/associations`,
    summary: "The associations of a destination and their status",
    capability: "read",
    answers: associations,
    errors: [],
  },
  {
    id: "setAssociation",
    methods: ["put", "post"],
    path: `${ONE}/associations/set`,
    summary: "Associates a secret, or refreshes its association; the caller needs read on the secret too",
    capability: writes,
    body: namedSecretSchema,
    answers: associations,
    errors: [],
  },
  {
    id: "removeAssociation",
    methods: ["put", "post"],
    path: `${ONE}/associations/remove`,
    summary: "Removes an association, if there is one, and unsyncs",
    capability: writes,
    body: removalSchema,
    answers: associations,
    errors: [],
  },
  {
    id: "checkDestination",
    methods: ["put", "post"],
    path: `${ONE}/check`,
    summary: "Has a sink look whether the connection works",
    capability: writes,
    body: z.object({
      write: flagField
        .optional()
        .describe("Write and remove a secret keyferry-probe-…, to know whether that may be done."),
    }),
    answers: { name: "ConnectionCheck", data: connectionCheckSchema },
    errors: [],
  },
  {
    id: "listAssociations",
    methods: ["get"],
    path: "/sys/sync/associations/",
    summary: "Every associated secret",
    capability: "list",
    query: list,
    answers: { name: "AssociationList", data: associationListSchema },
    errors: [],
  },
  {
    id: "readDestinationsOfSecret",
    methods: ["get"],
    path: "/sys/sync/associations/destinations",
    summary: "The destinations of one secret",
    capability: "read",
    query: namedSecretSchema,
    answers: destinationsOfSecret,
    errors: [],
  },
  {
    id: "readDestinationsOfPath",
    methods: ["get"],
    path: "/sys/sync/associations/{mount}/{secret_name}",
    summary: "The same for a mount and a name without slashes",
    capability: "read",
    answers: destinationsOfSecret,
    errors: [],
  },
  {
    id: "readSyncConfig",
    methods: ["get"],
    path: "/sys/sync/config",
    summary: "The configuration of the instance; in the root namespace alone",
    capability: "read",
    answers: config,
    errors: [],
  },
  {
    id: "patchSyncConfig",
    methods: ["patch"],
    path: "/sys/sync/config",
    summary: "Changes it; disabled=true pauses everything",
    capability: "patch",
    body: syncConfigFieldsSchema,
    answers: config,
    errors: [415],
  },
  {
    id: "resetSyncConfig",
    methods: ["delete"],
    path: "/sys/sync/config",
    summary: "Back to the defaults",
    capability: "delete",
    answers: config,
    errors: [],
  },
  {
    id: "readPauses",
    methods: ["get"],
    path: "/sys/sync/pause",
    summary: "What is paused",
    capability: "read",
    answers: pauses,
    errors: [],
  },
  {
    id: "pause",
    methods: ["put", "post"],
    path: "/sys/sync/pause",
    summary: "Stops writing to Key Vault: everything, a destination, or a secret",
    capability: writes,
    body: pauseFieldsSchema,
    answers: pauses,
    errors: [],
  },
  {
    id: "resume",
    methods: ["put", "post"],
    path: "/sys/sync/resume",
    summary: "Takes exactly this pause away",
    capability: writes,
    body: resumeFieldsSchema,
    answers: pauses,
    errors: [],
  },
  {
    id: "readOpenApi",
    methods: ["get"],
    path: "/sys/sync/openapi.json",
    summary: "This document",
    capability: undefined,
    answers: "document",
    errors: [],
  },
  {
    id: "readActivationFlags",
    methods: ["get"],
    path: "/sys/activation-flags",
    summary: "Which features are activated: secrets-sync always is",
    capability: undefined,
    answers: { name: "ActivationFlags", data: activationFlagsSchema },
    errors: [],
  },
  {
    id: "activate",
    methods: ["put", "post"],
    path: "/sys/activation-flags/secrets-sync/activate",
    summary: "Answers as the read does: there is nothing to activate",
    capability: "update and sudo",
    answers: { name: "ActivationFlags", data: activationFlagsSchema },
    errors: [],
  },
  ...RULED,
  ...OPERATED,
];

// A wrong field or the state, no right, no such namespace, another operation (a list instead of a read), a server that
// is away.
const ALWAYS = [400, 403, 404, 405, 503];

/** Every error that an operation may answer with, in order. */
export function errorStatusesOf({ errors, capability }: Operation): readonly number[] {
  return capability === undefined ? errors : [...new Set([...ALWAYS, ...errors])].sort((a, b) => a - b);
}

/** The operation that a request means; undefined: there is none. `path` is below `/v1`, without query, decoded. */
export function operationOf(method: string, path: string): Operation | undefined {
  const wanted = method === "LIST" ? "get" : method.toLowerCase();
  const bare = path.replace(/\/+$/, "");
  return OPERATIONS.find(
    (operation) =>
      operation.methods.some((known) => known === wanted) && patternOf(operation.path).test(bare),
  );
}

function patternOf(path: string): RegExp {
  const bare = path.replace(/\/$/, "").replace(/[.]/g, "\\.");
  return new RegExp(`^${bare.replace(/\{\w+\}/g, "[^/]+")}$`);
}
