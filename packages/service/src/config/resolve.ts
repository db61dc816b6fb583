// Owns: the decision what a service's configuration is, or everything that is wrong with it. Pure: files and environment
// have been read before (load.ts).
import { z } from "zod";
import { type ConfigFault, formatPath } from "./faults.ts";
import { faultsOf, unknownKey } from "./issues.ts";
import { type KeyNode, keysOf, leavesOf } from "./key-facts.ts";
import { normalise, type NormaliseContext } from "./normalise.ts";
import {
  associationServiceSection,
  azureSinkSection,
  changeDetectorSection,
  logSection,
  natsSection,
  redisSection,
  sourceSection,
  tracesSection,
} from "./sections.ts";
import { isTree, type Tree, valueAt } from "./tree.ts";

/** The section that belongs to one service, and names it here. */
export type ServiceSection = "changeDetector" | "associationService" | "azureSink";

/** Every section of the file. */
export const SECTIONS = {
  log: logSection,
  traces: tracesSection,
  source: sourceSection,
  nats: natsSection,
  redis: redisSection,
  changeDetector: changeDetectorSection,
  associationService: associationServiceSection,
  azureSink: azureSinkSection,
};

/** What each service reads: a section that it does not need may be absent or unfinished. */
const SCHEMAS = {
  changeDetector: z.object({
    log: logSection,
    traces: tracesSection,
    source: sourceSection,
    nats: natsSection,
    changeDetector: changeDetectorSection,
  }),
  associationService: z.object({
    log: logSection,
    traces: tracesSection,
    source: sourceSection,
    nats: natsSection,
    associationService: associationServiceSection,
  }),
  azureSink: z.object({
    log: logSection,
    traces: tracesSection,
    source: sourceSection,
    nats: natsSection,
    redis: redisSection,
    azureSink: azureSinkSection,
  }),
} as const satisfies Record<ServiceSection, z.ZodObject>;

/** The validated sections of one service, secrets still in place. */
export type Sections<S extends ServiceSection> = z.output<(typeof SCHEMAS)[S]>;

/** The file after reading, references expanded. */
export interface RawConfig extends NormaliseContext {
  readonly tree: Tree;
  /** What went wrong while reading: a key that is named here has no second fault. */
  readonly faults: readonly ConfigFault[];
}

export type Resolved<S extends ServiceSection> =
  | { kind: "ok"; sections: Sections<S> }
  | { kind: "faulty"; faults: readonly ConfigFault[] };

/** The names of the sections that a service reads. */
export function sectionsOf(service: ServiceSection): readonly string[] {
  return Object.keys(SCHEMAS[service].shape);
}

/** Judges the whole tree for one service. All faults come back at once. */
export function resolveConfig<S extends ServiceSection>(raw: RawConfig, service: S): Resolved<S> {
  const schema = SCHEMAS[service];
  const keys = keysOf(schema);
  const faults: ConfigFault[] = [...raw.faults, ...unknownSections(raw.tree)];
  const tree: Record<string, unknown> = {};
  for (const [name, node] of Object.entries(keys.properties ?? {})) {
    tree[name] = normalise(raw.tree[name], node, [name], raw);
  }
  const parsed = schema.safeParse(tree);
  const found = [
    ...(parsed.success ? [] : parsed.error.issues.flatMap((issue) => faultsOf(issue, keys, tree))),
    ...natsLoginFaults(tree["nats"]),
    ...redisModeFaults(tree["redis"]),
    ...sourceLoginFaults(tree[service], service),
    ...(service === "changeDetector" ? openHintFaults(tree[service]) : []),
  ];
  const told = new Set(raw.faults.map((fault) => fault.path));
  faults.push(...found.filter((fault) => !told.has(fault.path)));
  if (!parsed.success || faults.length > 0) return { kind: "faulty", faults: inFileOrder(faults, keys) };
  return { kind: "ok", sections: parsed.data as Sections<S> };
}

function unknownSections(tree: Tree): ConfigFault[] {
  const parent: KeyNode = {
    type: "object",
    properties: Object.fromEntries(Object.keys(SECTIONS).map((s) => [s, {}])),
  };
  return Object.keys(tree)
    .filter((name) => !Object.hasOwn(SECTIONS, name))
    .map((name) => unknownKey([name], parent));
}

// Here and not in the section's schema: zod runs checks of a whole group only when every key in it is right.
function natsLoginFaults(nats: unknown): ConfigFault[] {
  if (!isTree(nats)) return [];
  const has = (key: string): boolean => nats[key] !== undefined;
  const faults: ConfigFault[] = [];
  if (has("user") && !has("password")) {
    faults.push({
      path: "nats.password",
      problem: "is missing, though nats.user is set",
      fix: "Set it, or remove nats.user.",
    });
  }
  if (has("password") && !has("user")) {
    faults.push({
      path: "nats.user",
      problem: "is missing, though nats.password is set",
      fix: "Set it, or remove nats.password.",
    });
  }
  if (has("credsFile") && (has("user") || has("password"))) {
    faults.push({
      path: "nats.credsFile",
      problem: "is set beside nats.user",
      fix: "Keep one of the two ways to log in.",
    });
  }
  return faults;
}

function redisModeFaults(redis: unknown): ConfigFault[] {
  if (!isTree(redis) || redis["sentinels"] === undefined) return [];
  if (redis["cluster"] === undefined) return [];
  const fix = "Keep redis.sentinels for one primary with replicas, or redis.cluster for a Redis Cluster.";
  return [{ path: "redis.cluster", problem: "is set beside redis.sentinels", fix }];
}

// What each method of a login needs; `kubernetes` has a file of its own.
const LOGIN_NEEDS: Readonly<Record<string, readonly string[]>> = {
  approle: ["roleId", "secretId"],
  jwt: ["role", "jwtFile"],
  kubernetes: ["role"],
};

function sourceLoginFaults(section: unknown, name: string): ConfigFault[] {
  const auth = isTree(section) ? section["auth"] : undefined;
  const token = isTree(section) ? section["token"] : undefined;
  if (!isTree(auth)) {
    if (token !== undefined) return [];
    return [{ path: `${name}.token`, problem: "is missing", fix: `Set it, or ${name}.auth to log in.` }];
  }
  if (token !== undefined) {
    const fix = "Keep one of the two ways to log in.";
    return [{ path: `${name}.token`, problem: `is set beside ${name}.auth`, fix }];
  }
  const needs = LOGIN_NEEDS[String(auth["method"])] ?? [];
  return needs
    .filter((key) => auth[key] === undefined)
    .map((key) => ({
      path: `${name}.auth.${key}`,
      problem: `is missing, though the method is ${String(auth["method"])}`,
      fix: "Set it.",
    }));
}

const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|localhost|\[::1\]):/;

/** Whoever reaches an open receiver of hints can make the detector read: on a network it asks for a token. */
function openHintFaults(section: unknown): ConfigFault[] {
  const hints = isTree(section) ? section["hints"] : undefined;
  const manual = isTree(hints) ? hints["manual"] : undefined;
  if (!isTree(manual) || typeof manual["listen"] !== "string" || manual["token"] !== undefined) return [];
  if (LOOPBACK.test(manual["listen"])) return [];
  return [
    {
      path: "changeDetector.hints.manual.token",
      problem: "is missing, though others than this machine reach changeDetector.hints.manual.listen",
      fix: "Set it, or listen on 127.0.0.1.",
    },
  ];
}

/** Faults section by section, as a person goes through the file; within a section as they were found. */
function inFileOrder(faults: readonly ConfigFault[], keys: KeyNode): readonly ConfigFault[] {
  const order = Object.keys(keys.properties ?? {});
  const rank = (fault: ConfigFault): number => {
    const index = order.indexOf(/^[^.[]*/.exec(fault.path)?.[0] ?? "");
    return index === -1 ? -1 : index;
  };
  return faults.toSorted((a, b) => rank(a) - rank(b));
}

/** A key whose file has to be there. */
export interface NamedFile {
  readonly path: string;
  readonly file: string;
}

/** The files that a tree names under keys whose file has to exist before the service starts. */
export function filesNamedIn(tree: Tree, service: ServiceSection): NamedFile[] {
  const found: NamedFile[] = [];
  for (const { path, node } of leavesOf(keysOf(SCHEMAS[service]))) {
    const file = valueAt(tree, path);
    if (node["x-file"] === "must-exist" && typeof file === "string" && file !== "") {
      found.push({ path: formatPath(path), file });
    }
  }
  return found;
}
