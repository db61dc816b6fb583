import { KeyferryError } from "@keyferry/errors";
import type { z } from "zod";

// Messages are JSON behind schemas with a major number. A field that forbids something is a new major: an older
// service must not act on what it can't read (hazard forbidding-field-ignored).

export type Decoded<T> =
  | { readonly kind: "ok"; readonly value: T }
  /** Written by a newer service: leave it for one that can read it. */
  | { readonly kind: "unknown-major"; readonly major: number }
  | { readonly kind: "invalid"; readonly why: string };

export interface Codec<T> {
  encode(value: T): Uint8Array;
  decode(bytes: Uint8Array): Decoded<T>;
}

const KNOWN_MAJOR = 1;

/** JSON of a schema. Encoding also goes through the schema, so that nothing undeclared gets onto the wire (P5). */
export function jsonCodec<T>(schema: z.ZodType<T>): Codec<T> {
  return {
    encode: (value) => Buffer.from(JSON.stringify(schema.parse(value)), "utf8"),
    decode(bytes) {
      let raw: unknown;
      try {
        raw = JSON.parse(Buffer.from(bytes).toString("utf8"));
      } catch {
        return { kind: "invalid", why: "not JSON" };
      }
      const major = typeof raw === "object" && raw !== null && "major" in raw ? raw.major : undefined;
      if (typeof major === "number" && major > KNOWN_MAJOR) return { kind: "unknown-major", major };
      const parsed = schema.safeParse(raw);
      if (parsed.success) return { kind: "ok", value: parsed.data };
      const issue = parsed.error.issues[0];
      return { kind: "invalid", why: `${issue?.path.join(".") ?? ""}: ${issue?.code ?? "unknown"}` };
    },
  };
}

/** The value, or an error that says which message can't be read. */
export function decodeOrThrow<T>(codec: Codec<T>, bytes: Uint8Array, subject: string): T {
  const decoded = codec.decode(bytes);
  if (decoded.kind === "ok") return decoded.value;
  throw new KeyferryError("message-unreadable", `A message on ${subject} can't be read`, {
    subject,
    why: decoded.kind === "invalid" ? decoded.why : `major ${decoded.major}`,
  });
}
