// Owns: writing to Keyferry's own mount. The rest of the source is never written to.
import { KeyferryError } from "@keyferry/errors";
import type { SecretValue } from "@keyferry/ports";
import { z } from "zod";
import { errorOfAnswer } from "../answer/answer-error.ts";
import { classifyAnswer } from "../answer/classify-answer.ts";
import type { Answer, Transport } from "../transport/transport.ts";
import { kvPath, type SecretAddress } from "./address.ts";

export type PutResult =
  | { readonly kind: "stored"; readonly version: number; readonly createdTime: string }
  /** The compare-and-set lost: somebody wrote in between. */
  | { readonly kind: "conflict" };

const storedSchema = z.object({ version: z.int().positive(), created_time: z.string() });

/** Writes a version. `cas`: only if the current version is this one (0: none yet). */
export async function putSecret(
  transport: Transport,
  secret: SecretAddress,
  data: Readonly<Record<string, SecretValue>>,
  cas: number | undefined,
  signal?: AbortSignal,
): Promise<PutResult> {
  const what = `write a secret in mount ${secret.mount}`;
  const plain = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, value.reveal()]));
  const answer = await transport.send({
    method: "POST",
    path: kvPath(secret, "data"),
    namespace: secret.namespace,
    body: JSON.stringify(cas === undefined ? { data: plain } : { data: plain, options: { cas } }),
    what,
    signal,
  });
  if (answer.status === 400 && answer.body.includes("check-and-set parameter did not match")) {
    return { kind: "conflict" };
  }
  const read = classifyAnswer(answer);
  const stored = storedSchema.safeParse(read.kind === "live" ? read.data : undefined);
  if (!stored.success) throw errorOfAnswer(read, what);
  return { kind: "stored", version: stored.data.version, createdTime: stored.data.created_time };
}

/** Deletes all versions and the metadata. A secret that isn't there is fine. */
export async function deleteMetadata(
  transport: Transport,
  secret: SecretAddress,
  signal?: AbortSignal,
): Promise<void> {
  const what = `delete metadata in mount ${secret.mount}`;
  const answer = await transport.send({
    method: "DELETE",
    path: kvPath(secret, "metadata"),
    namespace: secret.namespace,
    what,
    signal,
  });
  expectSuccess(answer, what);
}

/** Sets how many versions of a secret are kept; what is beyond goes with the next write. Makes no version. */
export async function keepVersions(
  transport: Transport,
  secret: SecretAddress,
  count: number,
  signal?: AbortSignal,
): Promise<void> {
  const what = `write metadata in mount ${secret.mount}`;
  const answer = await transport.send({
    method: "POST",
    path: kvPath(secret, "metadata"),
    namespace: secret.namespace,
    body: JSON.stringify({ max_versions: count }),
    what,
    signal,
  });
  expectSuccess(answer, what);
}

/** Removes the data of one version for good. */
export async function destroyVersion(
  transport: Transport,
  secret: SecretAddress,
  version: number,
  signal?: AbortSignal,
): Promise<void> {
  const what = `destroy a version in mount ${secret.mount}`;
  const answer = await transport.send({
    method: "POST",
    path: kvPath(secret, "destroy"),
    namespace: secret.namespace,
    body: JSON.stringify({ versions: [version] }),
    what,
    signal,
  });
  expectSuccess(answer, what);
}

/** Throws unless the answer to a write is 200 or 204. */
export function expectSuccess(answer: Answer, what: string): void {
  if (answer.status === 204 || answer.status === 200) return;
  const read = classifyAnswer(answer);
  if (read.kind === "absent" || read.kind === "dead" || read.kind === "live") {
    throw new KeyferryError("source-answer-unknown", `${what}: status ${answer.status}`);
  }
  throw errorOfAnswer(read, what);
}
