// Owns: what one line of an audit device says about KVv2, and nothing else of it: field names, numbers and booleans of
// secrets stand in it in the clear (reference 2.2), so a line is never kept, logged or passed on (P5).
// Does not own: whether the mount is KVv2 (the line says `kv` for both versions), and what is done with a hint.
// Invariant: total; a line that is not understood is `unreadable`, which the reader takes as "sweep needed".
import type { Hint } from "@keyferry/contracts";
import { traceOfRequest } from "@keyferry/ports";
import { z } from "zod";

export type AuditVerdict =
  | { readonly kind: "hint"; readonly hint: Hint }
  /** Something that concerns every secret of a mount. */
  | { readonly kind: "sweep-mount"; readonly namespace: string; readonly mount: string }
  /** Mounts or namespaces came, went or moved. */
  | { readonly kind: "topology" }
  | { readonly kind: "nothing" }
  | { readonly kind: "unreadable" };

/** Longer lines are not parsed: a write of the largest secret that Vault takes by default gives less. */
export const AUDIT_LINE_CHARACTERS_MAX = 4 * 1024 * 1024;

const NOTHING: AuditVerdict = { kind: "nothing" };
const UNREADABLE: AuditVerdict = { kind: "unreadable" };

const entrySchema = z.object({
  time: z.string().optional(),
  type: z.string(),
  error: z.string().optional(),
  request: z.object({
    id: z.unknown().optional(),
    operation: z.string(),
    path: z.string(),
    mount_point: z.string().optional(),
    mount_type: z.string().optional(),
    namespace: z.object({ path: z.string().optional() }).optional(),
  }),
  response: z
    .object({
      data: z.object({ version: z.unknown(), http_status_code: z.unknown() }).partial().nullish(),
    })
    .nullish(),
});
type Entry = z.infer<typeof entrySchema>;

const WRITES: ReadonlySet<string> = new Set(["create", "update", "patch", "recover"]);

/** Reads one line (without its line feed). */
export function parseAuditLine(line: string): AuditVerdict {
  if (line.length > AUDIT_LINE_CHARACTERS_MAX) return UNREADABLE;
  // A device may put a prefix before each entry.
  const start = line.indexOf("{");
  if (start === -1) return line.trim() === "" ? NOTHING : UNREADABLE;
  let json: unknown;
  try {
    json = JSON.parse(line.slice(start));
  } catch {
    return UNREADABLE; // half a line, or not an audit file
  }
  const parsed = entrySchema.safeParse(json);
  return parsed.success ? judge(parsed.data) : UNREADABLE;
}

function judge(entry: Entry): AuditVerdict {
  // A request entry stands before the engine ran: what it asks for has not happened yet.
  if (entry.type !== "response") return NOTHING;
  if (entry.error !== undefined && entry.error !== "") return NOTHING;
  const { operation, path } = entry.request;
  // Reads, ours among them, drop out here: that is what breaks the loop over our own look-ups.
  if (operation !== "delete" && !WRITES.has(operation)) return NOTHING;
  if (path.startsWith("sys/")) return judgeSys(path);
  if (entry.request.mount_type !== "kv") return NOTHING;
  return judgeKv(entry);
}

function judgeSys(path: string): AuditVerdict {
  const changesMounts =
    path.startsWith("sys/mounts/") || path === "sys/remount" || path.startsWith("sys/namespaces/");
  return changesMounts ? { kind: "topology" } : NOTHING;
}

function judgeKv(entry: Entry): AuditVerdict {
  const where = locate(entry);
  if (where === undefined) return UNREADABLE;
  const { namespace, mount, rest } = where;
  if (rest === "config") return { kind: "sweep-mount", namespace, mount };
  const slash = rest.indexOf("/");
  const path = rest.slice(slash + 1);
  if (slash === -1 || path === "" || path.endsWith("/")) return NOTHING;
  const operation = operationOf(rest.slice(0, slash), entry.request.operation);
  if (operation === undefined) return NOTHING;
  const data = entry.response?.data;
  // A patch of a missing secret has no error but this (reference 2.3).
  if (typeof data?.http_status_code === "number" && data.http_status_code >= 400) return NOTHING;
  const version = operation === "write" ? data?.version : undefined;
  const committedAt = Date.parse(entry.time ?? "");
  const trace = traceOfRequest(typeof entry.request.id === "string" ? entry.request.id : undefined);
  return {
    kind: "hint",
    hint: {
      major: 1,
      namespace,
      mount,
      path,
      operation,
      ...(typeof version === "number" && Number.isSafeInteger(version) && version > 0
        ? { minVersion: version }
        : {}),
      ...(Number.isNaN(committedAt) ? {} : { committedAt }),
      ...(trace === undefined ? {} : { traceId: trace.traceId }),
      channel: "audit-file",
    },
  };
}

/** `mount_point` holds the namespace, `path` doesn't (reference 2.2). */
function locate(entry: Entry): { namespace: string; mount: string; rest: string } | undefined {
  const namespacePath = entry.request.namespace?.path ?? "";
  const mountPoint = entry.request.mount_point ?? "";
  const mountPath = mountPoint.startsWith(namespacePath)
    ? mountPoint.slice(namespacePath.length)
    : mountPoint;
  if (mountPath === "" || !entry.request.path.startsWith(mountPath)) return undefined;
  return {
    namespace: namespacePath.replace(/\/$/, ""),
    mount: mountPath.replace(/\/$/, ""),
    rest: entry.request.path.slice(mountPath.length),
  };
}

function operationOf(endpoint: string, operation: string): Hint["operation"] | undefined {
  const deletes = operation === "delete";
  switch (endpoint) {
    case "data":
      return deletes ? "delete" : "write";
    case "metadata":
      return deletes ? "metadata-delete" : "metadata-write";
    case "delete":
    case "undelete":
    case "destroy":
      return deletes ? undefined : endpoint;
    default:
      return undefined;
  }
}
