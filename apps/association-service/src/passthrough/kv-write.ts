// Owns: which requests that passed the gateway changed a KVv2 secret, and which hint tells of it. Pure.
// A hint is only "look here": a wrong one costs a read of metadata, a missed one waits for the sweep.

import { checkPath, type Hint } from "@keyferry/contracts";

export interface PassedRequest {
  readonly method: string;
  /** The request's target, as it came. */
  readonly url: string;
  readonly status: number;
  /** Without slashes at its ends. */
  readonly namespace: string;
}

type Operation = Hint["operation"];

const WRITES = new Set(["PUT", "POST", "PATCH"]);

/**
 * The hint for a request that passed, or undefined if it changed no KVv2 secret.
 * @param isMount whether a path is a KVv2 mount, as far as is known; decides where `data` is a part of a path too
 */
export function hintFor(request: PassedRequest, isMount: (path: string) => boolean): Hint | undefined {
  if (request.status < 200 || request.status > 299) return undefined;
  const segments = decode(request.url);
  if (segments === undefined) return undefined;
  const splits = segments.flatMap((verb, at) => {
    const operation = operationOf(request.method, verb);
    const mount = segments.slice(0, at).join("/");
    const path = segments.slice(at + 1).join("/");
    return operation === undefined || mount === "" || path === "" ? [] : [{ operation, mount, path }];
  });
  // A mount's path comes first, so without better knowledge the first verb is the one.
  const split = splits.find(({ mount }) => isMount(mount)) ?? splits[0];
  if (split === undefined || split.mount.startsWith("sys/")) return undefined;
  if (checkPath(split.path, "secret_name").kind === "refused") return undefined;
  return { major: 1, namespace: request.namespace, channel: "gateway", ...split };
}

function operationOf(method: string, verb: string): Operation | undefined {
  const isWrite = WRITES.has(method);
  if (!isWrite && method !== "DELETE") return undefined;
  switch (verb) {
    case "data":
      return isWrite ? "write" : "delete";
    case "metadata":
      return isWrite ? "metadata-write" : "metadata-delete";
    case "delete":
    case "undelete":
    case "destroy":
      return isWrite ? verb : undefined;
    default:
      return undefined;
  }
}

function decode(url: string): readonly string[] | undefined {
  const [raw = ""] = url.split("?");
  if (!raw.startsWith("/v1/")) return undefined;
  try {
    return raw
      .slice("/v1/".length)
      .split("/")
      .map((segment) => decodeURIComponent(segment));
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
