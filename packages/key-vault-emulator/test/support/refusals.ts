// Owns: what a refusal says, told the same way whether it came through the SDK or bare.
import type { RawAnswer } from "./https-client.ts";

export interface Told {
  readonly status: number;
  readonly code: string | undefined;
  readonly inner: string | undefined;
}

/** Status and codes of a bare answer. */
export function told(answer: RawAnswer): Told {
  const error = asObject(answer.json["error"]);
  const inner = asObject(error["innererror"]);
  return { status: answer.status, code: asText(error["code"]), inner: asText(inner["code"]) };
}

/** Status and codes of the error that a call of the SDK ends with. Fails where it does not end with one. */
export async function refused(call: Promise<unknown>): Promise<Told> {
  try {
    await call;
  } catch (error) {
    const { statusCode, code, details } = error as { statusCode?: number; code?: string; details?: unknown };
    const inner = asObject(asObject(asObject(details)["error"])["innerError"]);
    if (statusCode === undefined) throw error;
    return { status: statusCode, code, inner: asText(inner["code"]) };
  }
  throw new Error("the call was not refused");
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function asText(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
