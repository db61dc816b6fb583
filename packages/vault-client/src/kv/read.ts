// Owns: reading one secret: its metadata, and one version's value.
import type { PresentState } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import { SecretValue } from "@keyferry/ports";
import { z } from "zod";
import { errorOfAnswer } from "../answer/answer-error.ts";
import { classifyAnswer } from "../answer/classify-answer.ts";
import type { Transport } from "../transport/transport.ts";
import { kvPath, type SecretAddress } from "./address.ts";
import { parseMetadata } from "./parse-metadata.ts";
import { rawMembers, rawValueAt } from "./raw-json.ts";

/** What a read of a secret's metadata saw. `observedAt`: the answer's `Date`, milliseconds since 1970. */
export type MetadataRead =
  | { readonly kind: "present"; readonly state: PresentState; readonly observedAt: number }
  | { readonly kind: "absent"; readonly observedAt: number };

export type VersionRead =
  | {
      readonly kind: "live";
      readonly version: number;
      readonly createdTime: string;
      readonly deletionTime: string;
      readonly customMetadata: Readonly<Record<string, string>>;
      /** The JSON text of the secret's data exactly as the server sent it. */
      readonly data: SecretValue;
    }
  | {
      readonly kind: "dead";
      readonly version: number;
      readonly createdTime: string;
      readonly deletionTime: string;
      readonly destroyed: boolean;
    }
  | { readonly kind: "absent" };

export type OwnSecretRead =
  | {
      readonly kind: "live";
      readonly version: number;
      readonly data: ReadonlyMap<string, SecretValue>;
    }
  | { readonly kind: "dead" }
  | { readonly kind: "absent" };

const versionMetadataSchema = z.object({
  version: z.int().positive(),
  created_time: z.string(),
  deletion_time: z.string(),
  destroyed: z.boolean(),
  custom_metadata: z.record(z.string(), z.string()).nullish(),
});

/** Metadata of a secret. Throws whatever is neither present nor absent. */
export async function readMetadata(
  transport: Transport,
  secret: SecretAddress,
  signal?: AbortSignal,
): Promise<MetadataRead> {
  const what = `read metadata in mount ${secret.mount}`;
  const answer = await transport.send({
    method: "GET",
    path: kvPath(secret, "metadata"),
    namespace: secret.namespace,
    what,
    signal,
  });
  const { observedAt } = answer;
  const read = classifyAnswer(answer);
  if (read.kind === "absent") return { kind: "absent", observedAt };
  if (read.kind !== "live") throw errorOfAnswer(read, what);
  const state = parseMetadata(read.data, observedAt);
  if (state === undefined) throw notMetadata(what);
  return { kind: "present", state, observedAt };
}

/** One version of a secret, the latest if `version` is absent. Throws whatever is not live, dead or absent. */
export async function readVersion(
  transport: Transport,
  secret: SecretAddress,
  version: number | undefined,
  signal?: AbortSignal,
): Promise<VersionRead> {
  const what = `read a version in mount ${secret.mount}`;
  const query = version === undefined ? "" : `?version=${version}`;
  const answer = await transport.send({
    method: "GET",
    path: kvPath(secret, "data") + query,
    namespace: secret.namespace,
    what,
    signal,
  });
  const read = classifyAnswer(answer);
  if (read.kind === "absent") return { kind: "absent" };
  if (read.kind !== "live" && read.kind !== "dead") throw errorOfAnswer(read, what);
  const parsed = versionMetadataSchema.safeParse(read.data["metadata"]);
  if (!parsed.success || (version !== undefined && parsed.data.version !== version)) throw notMetadata(what);
  const { created_time: createdTime, deletion_time: deletionTime, destroyed } = parsed.data;
  const common = { version: parsed.data.version, createdTime, deletionTime };
  if (read.kind === "dead") return { kind: "dead", ...common, destroyed };
  const raw = rawValueAt(answer.body, ["data", "data"]);
  if (raw === undefined || !raw.startsWith("{")) throw notMetadata(what);
  return {
    kind: "live",
    ...common,
    customMetadata: parsed.data.custom_metadata ?? {},
    data: new SecretValue(raw),
  };
}

/** A secret of Keyferry's own mount, key by key: strings as they are, other JSON values as their text. */
export async function readSecret(
  transport: Transport,
  secret: SecretAddress,
  version: number | undefined,
  signal?: AbortSignal,
): Promise<OwnSecretRead> {
  const read = await readVersion(transport, secret, version, signal);
  if (read.kind !== "live") return { kind: read.kind };
  const data = new Map<string, SecretValue>();
  for (const [key, text] of rawMembers(read.data.reveal())) {
    data.set(key, new SecretValue(text.startsWith('"') ? (JSON.parse(text) as string) : text));
  }
  return { kind: "live", version: read.version, data };
}

function notMetadata(what: string): KeyferryError {
  return new KeyferryError("source-answer-unknown", `${what}: a 200 or 404 whose body is not KV version 2`);
}
