// Owns: the control API under /_emulator: oracle, faults, clock, limits, access, state, for other processes.
// It has no password: it is for tests and demonstrations, and listens where the emulator listens.
import { splitTarget } from "../wire/query.ts";
import type { Parts } from "../server/parts.ts";
import { InputError, readInput } from "./input.ts";
import type { Input } from "./input.ts";
import { accessRoute, clockRoute, healthRoute, limitsRoute, tokenRoute } from "./settings-routes.ts";
import { addFault, clearFaults, listFaults, releaseFault, removeFault } from "./fault-routes.ts";
import { logRoute, putSnapshot, resetRoute, secretsRoute, seedRoute, snapshotRoute } from "./state-routes.ts";

export interface ControlReply {
  readonly status: number;
  readonly json: unknown;
}

export interface ControlCall {
  readonly parts: Parts;
  readonly query: URLSearchParams;
  readonly input: Input;
  /** The part of the path that a route leaves open, as in `faults/{id}`. */
  readonly id: string;
}

type ControlRoute = (call: ControlCall) => ControlReply;

const ROUTES: Readonly<Record<string, ControlRoute>> = {
  "GET health": healthRoute,
  "GET log": logRoute,
  "GET secrets": secretsRoute,
  "POST secrets": seedRoute,
  "GET faults": listFaults,
  "POST faults": addFault,
  "DELETE faults": clearFaults,
  "DELETE faults/{id}": removeFault,
  "POST faults/{id}/release": releaseFault,
  "GET clock": clockRoute,
  "POST clock": clockRoute,
  "GET limits": limitsRoute,
  "POST limits": limitsRoute,
  "POST access": accessRoute,
  "POST token": tokenRoute,
  "GET snapshot": snapshotRoute,
  "PUT snapshot": putSnapshot,
  "POST reset": resetRoute,
};

const PREFIX = "/_emulator/";

/** Answers a control request; undefined where the path is none. */
export function serveControl(
  parts: Parts,
  method: string,
  target: string,
  body: string,
): ControlReply | undefined {
  const { path, query } = splitTarget(target);
  if (!path.startsWith(PREFIX)) return undefined;
  const [topic = "", id = "", action = ""] = path.slice(PREFIX.length).split("/");
  const pattern = [topic, id === "" ? "" : "{id}", action].filter((part) => part !== "").join("/");
  const key = `${method} ${pattern}`;
  const route = Object.hasOwn(ROUTES, key) ? ROUTES[key] : undefined;
  if (route === undefined) return { status: 404, json: { error: `there is no ${method} ${path}` } };
  try {
    return route({ parts, query, input: readInput(body), id });
  } catch (error) {
    // What the sender can mend is told; anything else is a fault of ours, and ends up in the server's own handler.
    if (error instanceof InputError || error instanceof RangeError || error instanceof TypeError) {
      return { status: 400, json: { error: error.message } };
    }
    throw error;
  }
}
