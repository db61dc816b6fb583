// Owns: holding every answer that a test gets against the schema that the OpenAPI document is made of.
import { z } from "zod";
import { enveloped, errorsSchema } from "../../src/openapi/answer-schemas.ts";
import { errorStatusesOf, operationOf } from "../../src/openapi/operations.ts";

const OURS = /^\/sys\/(?:sync|activation-flags)(?:\/|$)/;
const ANY_ERROR = { min: 400, max: 599 };

/** Throws where an answer of our own paths is not one that the document describes. What passes the gateway is Vault's. */
export function expectDescribed(
  method: string,
  path: string,
  { status, text }: { readonly status: number; readonly text: string },
): void {
  const called = `/${path.split("?")[0] ?? ""}`;
  if (!OURS.test(called)) return;
  const operation = operationOf(method, decodeURIComponent(called));
  const fault = (what: string): Error => new Error(`${method} ${path}: ${status} ${what}: ${text}`);
  if (status >= ANY_ERROR.min && status <= ANY_ERROR.max) {
    if (operation !== undefined && !errorStatusesOf(operation).includes(status))
      throw fault("is not described");
    hold(errorsSchema, text, fault);
  } else if (operation === undefined) {
    throw fault("of an operation that is not described");
  } else if (operation.answers === "nothing") {
    if (status !== 204 || text !== "") throw fault("where nothing is described");
  } else if (status !== 200) {
    throw fault("is not described");
  } else if (operation.answers !== "document") {
    hold(enveloped(operation.answers.data), text, fault);
  }
}

function hold(schema: z.ZodType, text: string, fault: (what: string) => Error): void {
  const parsed = schema.safeParse(JSON.parse(text));
  if (!parsed.success) throw fault(`does not match its schema: ${z.prettifyError(parsed.error)}`);
}
