// Owns: which operation a method and a path mean. Pure; knows nothing of vaults or queries.
import { badParameter, methodNotAllowed, routeNotFound } from "./refusal.ts";
import type { Refusal } from "./refusal.ts";

/** The operations of the secrets data plane, as faults, limits and the oracle name them. */
export const OPERATIONS = [
  "set",
  "get",
  "update",
  "list",
  "listVersions",
  "delete",
  "getDeleted",
  "listDeleted",
  "recover",
  "purge",
  "backup",
  "restore",
] as const;

export type Operation = (typeof OPERATIONS)[number];

export interface Route {
  readonly kind: "route";
  readonly operation: Operation;
  /** Empty for operations on the whole vault. */
  readonly name: string;
  readonly version: string | undefined;
}

/** The longest name that the service takes. */
export const NAME_CHARS_MAX = 127;

const NAME = /^[0-9a-zA-Z-]{1,127}$/;

type Methods = Readonly<Record<string, Operation>>;

const VAULT_WIDE: Readonly<Record<string, Methods>> = {
  secrets: { GET: "list" },
  deletedsecrets: { GET: "listDeleted" },
};
const ONE_SECRET: Methods = { PUT: "set", GET: "get", PATCH: "update", DELETE: "delete" };
const ONE_VERSION: Methods = { GET: "get", PATCH: "update" };
const ONE_DELETED: Methods = { GET: "getDeleted", DELETE: "purge" };

/**
 * The route of a request. Segments are compared without regard to case, as ids are case-insensitive; one trailing
 * slash is taken (clients ask for the latest version with an empty version segment).
 */
export function parseRoute(method: string, path: string): Route | Refusal {
  const segments = splitPath(path);
  if (segments === undefined) return badParameter("The request URI is not well formed.");
  const [collection = "", name = "", third = "", fourth] = segments;
  const root = collection.toLowerCase();
  if (fourth !== undefined || (root !== "secrets" && root !== "deletedsecrets")) return routeNotFound(path);
  if (name === "") {
    // An empty name with something after it (`/secrets//x`) is no resource either.
    return third === "" ? pick(VAULT_WIDE[root] ?? {}, method, "", undefined) : routeNotFound(path);
  }
  if (root === "secrets" && name.toLowerCase() === "restore" && third === "" && method === "POST") {
    return { kind: "route", operation: "restore", name: "", version: undefined };
  }
  if (!NAME.test(name))
    return badParameter(`The request URI contains an invalid name: ${name.slice(0, 200)}`);
  return root === "secrets"
    ? secretRoute(method, path, name, third)
    : deletedRoute(method, path, name, third);
}

function secretRoute(method: string, path: string, name: string, third: string): Route | Refusal {
  switch (third.toLowerCase()) {
    case "":
      return pick(ONE_SECRET, method, name, undefined);
    case "versions":
      return pick({ GET: "listVersions" }, method, name, undefined);
    case "backup":
      return pick({ POST: "backup" }, method, name, undefined);
    default:
      if (method === "POST") return routeNotFound(path);
      return pick(ONE_VERSION, method, name, third.toLowerCase());
  }
}

function deletedRoute(method: string, path: string, name: string, third: string): Route | Refusal {
  switch (third.toLowerCase()) {
    case "":
      return pick(ONE_DELETED, method, name, undefined);
    case "recover":
      return pick({ POST: "recover" }, method, name, undefined);
    default:
      return routeNotFound(path);
  }
}

function pick(methods: Methods, method: string, name: string, version: string | undefined): Route | Refusal {
  const operation = Object.hasOwn(methods, method) ? methods[method] : undefined;
  return operation === undefined ? methodNotAllowed(method) : { kind: "route", operation, name, version };
}

function splitPath(path: string): string[] | undefined {
  const segments = path.split("/").slice(1);
  if (segments.length > 1 && segments.at(-1) === "") segments.pop();
  if (!path.includes("%")) return segments;
  try {
    return segments.map(decodeURIComponent);
  } catch {
    return undefined;
  }
}
