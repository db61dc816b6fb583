// Owns: what one frame of Vault Enterprise's event stream (JSON CloudEvents, reference 1.3) says about KVv2, and nothing
// else of it. Invariant: total; a frame that is not understood is `unreadable`, which the reader takes as "sweep needed".
import type { Hint } from "@keyferry/contracts";
import { z } from "zod";

export type EventVerdict =
  | { readonly kind: "hint"; readonly hint: Hint }
  /** Something that concerns every secret of a mount. */
  | { readonly kind: "sweep-mount"; readonly namespace: string; readonly mount: string }
  | { readonly kind: "nothing" }
  | { readonly kind: "unreadable" };

/** Longer frames are not parsed: an event has names and numbers, no data. */
export const EVENT_FRAME_BYTES_MAX = 1024 * 1024;

const NOTHING: EventVerdict = { kind: "nothing" };
const UNREADABLE: EventVerdict = { kind: "unreadable" };

const frameSchema = z.object({
  time: z.string().optional(),
  data: z.object({
    event_type: z.string(),
    namespace: z.string().optional(),
    event: z.object({ metadata: z.record(z.string(), z.unknown()).optional() }),
    plugin_info: z.object({ mount_path: z.string() }),
  }),
});
type Frame = z.infer<typeof frameSchema>;

// `delete`, `undelete` and `destroy` have paths of their own: matching `data/` alone misses them (reference 1.4).
const OPERATIONS: Readonly<Record<string, { operation: Hint["operation"]; endpoint: string }>> = {
  "data-write": { operation: "write", endpoint: "data" },
  "data-patch": { operation: "write", endpoint: "data" },
  "data-delete": { operation: "delete", endpoint: "data" },
  delete: { operation: "delete", endpoint: "delete" },
  undelete: { operation: "undelete", endpoint: "undelete" },
  destroy: { operation: "destroy", endpoint: "destroy" },
  "metadata-write": { operation: "metadata-write", endpoint: "metadata" },
  "metadata-patch": { operation: "metadata-write", endpoint: "metadata" },
  "metadata-delete": { operation: "metadata-delete", endpoint: "metadata" },
};

/** Reads one text frame. */
export function parseEventFrame(text: string): EventVerdict {
  if (text.length > EVENT_FRAME_BYTES_MAX) return UNREADABLE;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return UNREADABLE;
  }
  const parsed = frameSchema.safeParse(json);
  return parsed.success ? judge(parsed.data) : UNREADABLE;
}

function judge(frame: Frame): EventVerdict {
  const kind = /^kv-v2\/(.+)$/.exec(frame.data.event_type)?.[1];
  if (kind === undefined) return NOTHING;
  const namespace = withoutSlashes(frame.data.namespace ?? "");
  const mount = mountOf(frame, namespace);
  if (mount === "") return UNREADABLE;
  const known = Object.hasOwn(OPERATIONS, kind) ? OPERATIONS[kind] : undefined;
  // The mount's configuration; or a kind that a newer Vault has.
  if (known === undefined) return { kind: "sweep-mount", namespace, mount };
  const path = secretPath(frame, namespace, `${mount}/${known.endpoint}/`);
  if (path === undefined) return { kind: "sweep-mount", namespace, mount };
  const version = known.operation === "write" ? Number(metadataOf(frame, "current_version")) : Number.NaN;
  const committedAt = Date.parse(frame.time ?? "");
  return {
    kind: "hint",
    hint: {
      major: 1,
      namespace,
      mount,
      path,
      operation: known.operation,
      ...(Number.isSafeInteger(version) && version > 0 ? { minVersion: version } : {}),
      ...(Number.isNaN(committedAt) ? {} : { committedAt }),
      channel: "events",
    },
  };
}

/** Without the namespace, which some versions put before it. */
function mountOf({ data }: Frame, namespace: string): string {
  const path = withoutSlashes(data.plugin_info.mount_path);
  return namespace !== "" && path.startsWith(`${namespace}/`) ? path.slice(namespace.length + 1) : path;
}

/** `prefix` is the mount and the operation's path; a namespace may stand before it. */
function secretPath(frame: Frame, namespace: string, prefix: string): string | undefined {
  const prefixes = namespace === "" ? [prefix] : [prefix, `${namespace}/${prefix}`];
  for (const key of ["path", "data_path"]) {
    const value = metadataOf(frame, key);
    const found = prefixes.find((each) => value?.startsWith(each));
    const path = found === undefined ? undefined : value?.slice(found.length);
    if (path !== undefined && path !== "" && !path.endsWith("/")) return path;
  }
  return undefined;
}

/** All of an event's metadata are strings, numbers included (reference 1.3). */
function metadataOf({ data }: Frame, key: string): string | undefined {
  const value = data.event.metadata?.[key];
  return typeof value === "string" ? value : undefined;
}

function withoutSlashes(path: string): string {
  return path.replace(/^\/+|\/+$/g, "");
}
