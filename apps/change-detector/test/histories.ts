// Random histories of KVv2 for the model-based test: what is done to a mount, what of it is hinted, and when the detector
// is restarted; and what the server shows in the end, read past the client under test.
import type { Hint } from "@keyferry/contracts";
import type { VaultApi } from "@keyferry/testkit";

const PATHS = ["a", "b", "c/d", "é f%?#+"] as const;
const STEPS_MAX = 14;

export type Fate = "told" | "lost" | "doubled" | "late";

export type Step =
  | {
      readonly op: "write" | "patch" | "remove-latest" | "remove-metadata";
      readonly path: string;
      readonly fate: Fate;
    }
  | {
      readonly op: "delete" | "undelete" | "destroy";
      readonly path: string;
      readonly versions: readonly number[];
      readonly fate: Fate;
    }
  | {
      readonly op: "put-metadata" | "patch-metadata";
      readonly path: string;
      readonly body: Readonly<Record<string, unknown>>;
      readonly fate: Fate;
    }
  /** `killed`: the next detector starts before the last one has ended. */
  | { readonly op: "restart"; readonly how: "stopped" | "killed" }
  | { readonly op: "settle" };

export type Change = Exclude<Step, { op: "restart" | "settle" }>;

/** Numbers from 0 to below 1 that a seed determines (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The history of one seed. */
export function historyOf(seed: number): readonly Step[] {
  const random = seeded(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const one = <T>(choices: readonly [T, ...T[]]): T => choices[below(choices.length)] ?? choices[0];
  const step = (): Step => {
    const path = one(PATHS);
    const fate = one<Fate>(["told", "told", "lost", "doubled", "late"]);
    switch (below(14)) {
      case 0:
        return { op: "patch", path, fate };
      case 1:
        return { op: "remove-latest", path, fate };
      case 2:
      case 3:
        return { op: "remove-metadata", path, fate };
      case 4:
        return { op: "delete", path, versions: [1 + below(4)], fate };
      case 5:
        return { op: "undelete", path, versions: [1 + below(4), 1 + below(4)], fate };
      case 6:
        return { op: "destroy", path, versions: [1 + below(4)], fate };
      case 7:
        return { op: "put-metadata", path, body: settings(one, below), fate };
      case 8:
        return { op: "patch-metadata", path, body: settings(one, below), fate };
      case 9:
        return { op: "restart", how: one(["stopped", "killed"]) };
      case 10:
        return { op: "settle" };
      default:
        return { op: "write", path, fate };
    }
  };
  return Array.from({ length: 3 + below(STEPS_MAX - 2) }, step);
}

function settings(one: <T>(choices: readonly [T, ...T[]]) => T, below: (limit: number) => number) {
  return one<Record<string, unknown>>([
    { custom_metadata: { owner: `o${below(3)}` } },
    { custom_metadata: {} },
    { max_versions: 1 + below(3) },
    // Far ahead: a deletion_time in the future is a live version.
    { delete_version_after: "1h" },
    { cas_required: below(2) === 1 },
  ]);
}

/** Does a step at the server. Refusals (a patch of nothing, cas_required) are part of a history. */
export async function carryOut(api: VaultApi, mount: string, step: Change): Promise<Hint> {
  const at = step.path.split("/").map(encodeURIComponent).join("/");
  const hint = (operation: Hint["operation"], minVersion?: number): Hint => ({
    major: 1,
    namespace: "",
    mount,
    path: step.path,
    operation,
    channel: "manual",
    ...(minVersion === undefined ? {} : { minVersion }),
  });
  switch (step.op) {
    case "write":
      return hint("write", versionOf(await api.call("POST", `${mount}/data/${at}`, { data: { n: 1 } })));
    case "patch":
      return hint("write", versionOf(await api.call("PATCH", `${mount}/data/${at}`, { data: { n: 2 } })));
    case "remove-latest":
      await api.call("DELETE", `${mount}/data/${at}`);
      return hint("delete");
    case "remove-metadata":
      await api.call("DELETE", `${mount}/metadata/${at}`);
      return hint("metadata-delete");
    case "delete":
    case "undelete":
    case "destroy":
      await api.call("POST", `${mount}/${step.op}/${at}`, { versions: step.versions });
      return hint(step.op);
    case "put-metadata":
      await api.call("POST", `${mount}/metadata/${at}`, step.body);
      return hint("metadata-write");
    case "patch-metadata":
      await api.call("PATCH", `${mount}/metadata/${at}`, step.body);
      return hint("metadata-write");
    default:
      return step satisfies never;
  }
}

function versionOf({ body }: { body: unknown }): number | undefined {
  const data = (body as { data?: { version?: unknown } } | undefined)?.data;
  return typeof data?.version === "number" ? data.version : undefined;
}

interface RawMetadata {
  readonly created_time: string;
  readonly current_version: number;
  readonly oldest_version: number;
  readonly versions: Record<string, { created_time: string; deletion_time: string; destroyed: boolean }>;
  readonly custom_metadata: Record<string, string> | null;
  readonly max_versions: number;
  readonly cas_required: boolean;
  readonly delete_version_after: string;
}

/** What the server shows of each path, in the form that an event's state has; "gone" where nothing is. */
export async function shownBy(api: VaultApi, mount: string): Promise<Record<string, unknown>> {
  const shown: Record<string, unknown> = {};
  for (const path of PATHS) {
    const at = path.split("/").map(encodeURIComponent).join("/");
    const { status, body } = await api.call("GET", `${mount}/metadata/${at}`);
    if (status === 404) {
      shown[path] = { kind: "gone" };
      continue;
    }
    const { data } = body as { data: RawMetadata };
    shown[path] = {
      kind: "present",
      incarnation: data.created_time,
      current: data.current_version,
      oldest: data.oldest_version,
      versions: Object.fromEntries(
        Object.entries(data.versions).map(([number, version]) => [
          number,
          {
            createdTime: version.created_time,
            deletionTime: version.deletion_time,
            destroyed: version.destroyed,
            live:
              !version.destroyed &&
              (version.deletion_time === "" || Date.parse(version.deletion_time) > Date.now()),
          },
        ]),
      ),
      customMetadata: data.custom_metadata ?? {},
      maxVersions: data.max_versions,
      casRequired: data.cas_required,
      deleteVersionAfter: data.delete_version_after,
    };
  }
  return shown;
}
