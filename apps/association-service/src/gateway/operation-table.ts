// Owns: which operations a path of the API has: what is added here is authorised and answered, and each path's other
// operations are refused as Vault refuses them, after the same question for the caller's right: 405. Does not own what
// the operations do: routes.ts, system-routes.ts, pause-routes.ts.

import type { FastifyInstance } from "fastify";
import type { Capability } from "../authorise/authorise.ts";
import { answer, authoriseRead, authoriseWrite, type Call, type Handle, type RoutesOptions } from "./call.ts";
import { flagField } from "./coerce.ts";
import { badRequest, unsupportedOperation } from "./refusal.ts";

type Method = "GET" | "PUT" | "POST" | "PATCH" | "DELETE";

export type AddWrite = (methods: readonly Exclude<Method, "GET">[], url: string, handle: Handle) => void;
export type AddRead = (url: string, capability: "read" | "list", handle: Handle) => void;

const RIGHTS: Readonly<Record<Exclude<Method, "GET">, readonly Capability[]>> = {
  PUT: ["create", "update"],
  POST: ["create", "update"],
  PATCH: ["patch"],
  DELETE: ["delete"],
};

export class OperationTable {
  readonly #server: FastifyInstance;
  readonly #options: RoutesOptions;
  readonly #methodsOf = new Map<string, Set<Method>>();

  constructor(server: FastifyInstance, options: RoutesOptions) {
    this.#server = server;
    this.#options = options;
  }

  /** A read, or a list: GET with `list=true`, which LIST arrives as. A path has one of the two; the other is 405. */
  readonly read: AddRead = (url, capability, handle) =>
    this.#add("GET", url, async (call) => {
      const asked = isList(call) ? "list" : "read";
      await authoriseRead(call, asked);
      if (asked !== capability) throw unsupportedOperation();
      return handle(call);
    });

  /** Writes, which authorise by themselves. */
  readonly write: AddWrite = (methods, url, handle) => {
    for (const method of methods) this.#add(method, url, handle);
  };

  /** To be called last. */
  refuseOthers(): void {
    for (const [url, known] of this.#methodsOf) {
      if (!known.has("GET")) this.read(url, "read", refuse);
      for (const method of ["PUT", "POST", "PATCH", "DELETE"] as const) {
        if (known.has(method)) continue;
        this.#add(method, url, async (call) => {
          await authoriseWrite(call, ...RIGHTS[method]);
          return refuse();
        });
      }
    }
  }

  #add(method: Method, url: string, handle: Handle): void {
    const known = this.#methodsOf.get(url);
    if (known === undefined) this.#methodsOf.set(url, new Set([method]));
    else known.add(method);
    this.#server.route({
      method,
      url,
      handler: (request, reply) => answer(this.#options, request, reply, handle),
    });
  }
}

function refuse(): never {
  throw unsupportedOperation();
}

function isList({ request }: Call): boolean {
  const { list } = request.query as { readonly list?: unknown };
  if (list === undefined) return false;
  const parsed = flagField.safeParse(list);
  if (!parsed.success) throw badRequest("list is neither true nor false: send list=true");
  return parsed.data;
}
