// Owns: asking what a caller's token may do. Policies stay in Vault; nothing here decides.
import { KeyferryError } from "@keyferry/errors";
import type { SecretValue } from "@keyferry/ports";
import { z } from "zod";
import { errorOfAnswer } from "../answer/answer-error.ts";
import { classifyAnswer, type RawAnswer } from "../answer/classify-answer.ts";
import type { Transport } from "../transport/transport.ts";

export type CapabilitiesAnswer =
  /** Per path as it was asked. */
  | { readonly kind: "granted"; readonly capabilities: ReadonlyMap<string, readonly string[]> }
  /** The token is unknown, expired, or may not even ask. */
  | { readonly kind: "refused" }
  | { readonly kind: "namespace-missing" };

const NOT_FOUND = 404;
// OpenBao 2.7's words, to any path and any token (measured).
const NAMESPACE_MISSING = z.object({ errors: z.tuple([z.literal("namespace not found")]) });
const namesSchema = z.array(z.string());

/** `sys/capabilities-self` with the caller's own token. */
export async function capabilitiesSelf(
  transport: Transport,
  caller: SecretValue,
  paths: readonly string[],
  namespace: string,
  signal?: AbortSignal,
): Promise<CapabilitiesAnswer> {
  const what = "ask for a caller's capabilities";
  const answer = await transport.send({
    method: "POST",
    path: "sys/capabilities-self",
    namespace,
    body: JSON.stringify({ paths }),
    token: caller,
    what,
    signal,
  });
  const read = classifyAnswer(answer);
  if (read.kind === "denied") return { kind: "refused" };
  if (isNamespaceMissing(answer)) return { kind: "namespace-missing" };
  if (read.kind !== "live") throw errorOfAnswer(read, what);
  const capabilities = new Map<string, readonly string[]>();
  for (const path of paths) {
    const names = namesSchema.safeParse(read.data[path]);
    if (!names.success) {
      throw new KeyferryError("source-answer-unknown", `${what}: an answer without one of the paths`);
    }
    capabilities.set(path, names.data);
  }
  return { kind: "granted", capabilities };
}

function isNamespaceMissing({ status, body }: RawAnswer): boolean {
  if (status !== NOT_FOUND) return false;
  try {
    return NAMESPACE_MISSING.safeParse(JSON.parse(body)).success;
  } catch {
    return false; // not JSON: it came from something in between
  }
}
