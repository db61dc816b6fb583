// Owns: the paths that are about the feature itself and no destination: its document, activation flags, configuration
// (reference: sections 1.1 and 1.2).

import type { FastifyInstance } from "fastify";
import { openApiDocument } from "../openapi/document.ts";
import { readSyncConfigFields } from "../sync-config/sync-config-store.ts";
import { type Answer, authoriseWrite, bodyOf, type Call } from "./call.ts";
import { envelope } from "./envelope.ts";
import type { AddRead, AddWrite } from "./operation-table.ts";
import { unsupportedPath } from "./refusal.ts";

export type { AddRead, AddWrite };

const CONFIG = "/v1/sys/sync/config";

/** Registers them. */
export function addSystemRoutes(
  server: FastifyInstance,
  { read, write }: { readonly read: AddRead; readonly write: AddWrite },
): void {
  // Without a token: the document is the same for every installation and lies in the repository.
  const document = openApiDocument();
  server.get("/v1/sys/sync/openapi.json", async () => document);
  addActivationFlags(server, write);
  read(CONFIG, "read", readConfig);
  write(["PATCH"], CONFIG, patchConfig);
  write(["DELETE"], CONFIG, resetConfig);
}

const FLAGS = { activated: ["secrets-sync"], unactivated: [] };

function addActivationFlags(server: FastifyInstance, write: AddWrite): void {
  // Unauthenticated, as in Vault: its UI asks before anybody has logged in (reference 1.1).
  server.get("/v1/sys/activation-flags", async (request) => envelope(request.id, FLAGS));
  write(["PUT", "POST"], "/v1/sys/activation-flags/secrets-sync/activate", async (call) => {
    const { caller, parts, path, signal } = call;
    refuseNamespaces(call);
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

async function readConfig(call: Call): Promise<Answer> {
  refuseNamespaces(call);
  return { data: await call.parts.syncConfig.read(call.signal) };
}

async function patchConfig(call: Call): Promise<Answer> {
  await authoriseWrite(call, "patch");
  refuseNamespaces(call);
  const fields = readSyncConfigFields(bodyOf(call.request));
  return { data: await call.parts.syncConfig.patch(fields, call.signal) };
}

async function resetConfig(call: Call): Promise<Answer> {
  await authoriseWrite(call, "delete");
  refuseNamespaces(call);
  return { data: await call.parts.syncConfig.reset(call.signal) };
}

// One configuration for the instance: Vault offers these in the root namespace alone (reference: restricted endpoints).
function refuseNamespaces({ caller }: Call): void {
  if (caller.namespace !== "") throw unsupportedPath();
}
