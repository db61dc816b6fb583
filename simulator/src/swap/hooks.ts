// Owns: which modules are swapped when the services are loaded: the clients of servers, the clock, the API's HTTP. All
// else is the services' own code. Register before anything of them is imported.
import { registerHooks } from "node:module";
import type { Mutation } from "../mutations/mutations.ts";

const HERE = new URL(".", import.meta.url).href;

const PACKAGES: Readonly<Record<string, string>> = {
  "@nats-io/transport-node": "nats-transport.ts",
  "@nats-io/jetstream": "nats-jetstream.ts",
  ioredis: "ioredis.ts",
  "@keyferry/vault-client": "vault-client.ts",
  "@keyferry/key-vault": "key-vault.ts",
};

const FILES: Readonly<Record<string, string>> = {
  "/packages/ports/src/clock.ts": "clock.ts",
  "/apps/association-service/src/gateway/server.ts": "api-server.ts",
  "/apps/association-service/src/gateway/routes.ts": "api-routes.ts",
};

/** Swaps modules from now on; `mutation` changes the text of one file as it is loaded. */
export function registerSwaps(mutation: Mutation | undefined): void {
  registerHooks({
    resolve(specifier, context, next) {
      if (context.parentURL?.startsWith(HERE) === true) return next(specifier, context);
      const swapped = PACKAGES[specifier];
      if (swapped !== undefined) return next(new URL(swapped, HERE).href, context);
      const resolved = next(specifier, context);
      const file = Object.entries(FILES).find(([end]) => resolved.url.endsWith(end))?.[1];
      return file === undefined ? resolved : next(new URL(file, HERE).href, context);
    },
    load(url, context, next) {
      const loaded = next(url, context);
      if (mutation === undefined || !url.endsWith(mutation.file)) return loaded;
      const { source } = loaded;
      const text = typeof source === "string" ? source : Buffer.from(source as Uint8Array).toString("utf8");
      if (!text.includes(mutation.replace)) {
        throw new Error(
          `mutation ${mutation.name}: ${mutation.file} does not hold ${JSON.stringify(mutation.replace)}`,
        );
      }
      return { ...loaded, source: text.replace(mutation.replace, () => mutation.by) };
    },
  });
}
