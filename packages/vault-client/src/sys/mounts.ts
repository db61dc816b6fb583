// Owns: which secrets engines are mounted where, and making Keyferry's own mount.
import { KeyferryError } from "@keyferry/errors";
import type { Clock } from "@keyferry/ports";
import { z } from "zod";
import { errorOfAnswer } from "../answer/answer-error.ts";
import { classifyAnswer } from "../answer/classify-answer.ts";
import { expectSuccess } from "../kv/write.ts";
import { encodePath } from "../transport/encode-path.ts";
import type { Transport } from "../transport/transport.ts";

/** A mounted secrets engine. The accessor is its identity: it survives a move and not a re-enable. */
export interface Mount {
  readonly namespace: string;
  /** Without slashes at its ends. */
  readonly path: string;
  readonly accessor: string;
  readonly uuid: string;
  readonly type: string;
  /** undefined: not a KV engine. */
  readonly kvVersion: 1 | 2 | undefined;
}

export type MountLookUp = { readonly kind: "mounted"; readonly mount: Mount } | { readonly kind: "missing" };

const mountSchema = z.object({
  accessor: z.string().min(1),
  uuid: z.string().default(""),
  type: z.string(),
  options: z.record(z.string(), z.string()).nullish(),
});

/** The mount at or above a path. */
export async function mountOf(
  transport: Transport,
  at: { readonly namespace: string; readonly path: string },
  signal?: AbortSignal,
): Promise<MountLookUp> {
  const what = "look up a mount";
  const answer = await transport.send({
    method: "GET",
    path: `sys/internal/ui/mounts/${encodePath(at.path)}`,
    namespace: at.namespace,
    what,
    signal,
  });
  const read = classifyAnswer(answer);
  if (read.kind === "live") {
    const mountPath = read.data["path"];
    const mount = typeof mountPath === "string" ? toMount(at.namespace, mountPath, read.data) : undefined;
    if (mount === undefined) throw unreadable(what);
    return { kind: "mounted", mount };
  }
  // A mount that is missing answers 403 here, like one that this token may not see; the whole list tells which.
  if (read.kind !== "denied") throw errorOfAnswer(read, what);
  const mounts = await listMounts(transport, at.namespace, "sys/mounts", signal);
  const mount = mounts.find(({ path }) => at.path === path || at.path.startsWith(`${path}/`));
  return mount === undefined ? { kind: "missing" } : { kind: "mounted", mount };
}

/** All KVv2 mounts of a namespace that the token may see. */
export async function listKv2Mounts(
  transport: Transport,
  namespace: string,
  signal?: AbortSignal,
): Promise<readonly Mount[]> {
  let mounts: readonly Mount[];
  try {
    mounts = await listMounts(transport, namespace, "sys/mounts", signal);
  } catch (thrown) {
    if (!(thrown instanceof KeyferryError) || thrown.code !== "source-denied") throw thrown;
    // Needs no policy of its own: shows what the token has any right below.
    mounts = await listMounts(transport, namespace, "sys/internal/ui/mounts", signal);
  }
  return mounts.filter(({ kvVersion }) => kvVersion === 2);
}

const FRESH_MOUNT_TRIES = 100; // × 50 ms: a fresh KVv2 mount answers 400 while it sets itself up, for a second at most
const FRESH_MOUNT_PAUSE_MS = 50;

/** Makes a KVv2 mount in the root of `namespace` unless it is there, and waits until it answers. */
export async function ensureKv2Mount(
  transport: Transport,
  clock: Clock,
  at: { readonly namespace: string; readonly path: string },
  description: string,
  signal?: AbortSignal,
): Promise<Mount> {
  const found = await mountOf(transport, at, signal);
  if (found.kind === "missing") await enable(transport, at, description, signal);
  const made = found.kind === "mounted" ? found : await mountOf(transport, at, signal);
  if (made.kind === "missing" || made.mount.path !== at.path || made.mount.kvVersion !== 2) {
    throw new KeyferryError(
      "config-invalid",
      `Keyferry's own mount '${at.path}' is not a KV version 2 engine`,
    );
  }
  await untilReady(transport, clock, at, signal);
  return made.mount;
}

async function enable(
  transport: Transport,
  at: { readonly namespace: string; readonly path: string },
  description: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const what = `mount ${at.path}`;
  const answer = await transport.send({
    method: "POST",
    path: `sys/mounts/${encodePath(at.path)}`,
    namespace: at.namespace,
    body: JSON.stringify({ type: "kv", description, options: { version: "2" } }),
    what,
    signal,
  });
  // Two services may start at once: the second finds the path taken, by what it wanted to make.
  if (answer.status === 400 && answer.body.includes("path is already in use")) return;
  expectSuccess(answer, what);
}

async function untilReady(
  transport: Transport,
  clock: Clock,
  at: { readonly namespace: string; readonly path: string },
  signal: AbortSignal | undefined,
): Promise<void> {
  const what = `read the configuration of mount ${at.path}`;
  for (let tried = 1; ; tried += 1) {
    const answer = await transport.send({
      method: "GET",
      path: `${encodePath(at.path)}/config`,
      namespace: at.namespace,
      what,
      signal,
    });
    const read = classifyAnswer(answer);
    // A token that may not read the configuration has to find out by its first write.
    if (read.kind === "live" || read.kind === "denied") return;
    if (answer.status !== 400 || tried >= FRESH_MOUNT_TRIES) throw errorOfAnswer(read, what);
    await clock.sleep(FRESH_MOUNT_PAUSE_MS, signal);
  }
}

async function listMounts(
  transport: Transport,
  namespace: string,
  path: "sys/mounts" | "sys/internal/ui/mounts",
  signal: AbortSignal | undefined,
): Promise<readonly Mount[]> {
  const what = "list mounts";
  const answer = await transport.send({ method: "GET", path, namespace, what, signal });
  const read = classifyAnswer(answer);
  if (read.kind !== "live") throw errorOfAnswer(read, what);
  const byPath =
    path === "sys/mounts" ? read.data : z.record(z.string(), z.unknown()).parse(read.data["secret"] ?? {});
  return Object.entries(byPath).flatMap(([mountPath, value]) => {
    const mount = toMount(namespace, mountPath, value);
    return mount === undefined ? [] : [mount];
  });
}

function toMount(namespace: string, path: string, value: unknown): Mount | undefined {
  const parsed = mountSchema.safeParse(value);
  if (!parsed.success) return undefined;
  const { accessor, uuid, type, options } = parsed.data;
  return {
    namespace,
    path: path.replace(/\/$/, ""),
    accessor,
    uuid,
    type,
    kvVersion: kvVersionOf(type, options),
  };
}

function kvVersionOf(
  type: string,
  options: Readonly<Record<string, string>> | null | undefined,
): 1 | 2 | undefined {
  if (type !== "kv" && type !== "generic") return undefined;
  return options?.["version"] === "2" ? 2 : 1;
}

function unreadable(what: string): KeyferryError {
  return new KeyferryError("source-answer-unknown", `${what}: an answer without a mount`);
}
