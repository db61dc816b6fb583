// Owns: the OpenAPI 3.1 document, made of the schemas that requests are read with and answers are judged by. Pure.

import { z } from "zod";
import { enveloped, errorsSchema } from "./answer-schemas.ts";
import { errorStatusesOf, type Operation, OPERATIONS } from "./operations.ts";

type Json = Readonly<Record<string, unknown>>;

/** Errors that any operation with a token can answer with. */
const ERRORS: Readonly<Record<number, string>> = {
  400: "A field is wrong, or the state forbids it",
  403: "No token, or its policies do not allow it",
  404: "There is nothing, or no such namespace",
  405: "The path has no such operation: a list without list=true, for example",
  409: "What the request is about has changed; the text says to what",
  415: "A PATCH without its content type",
  503: "NATS or the source is away; the text says which",
};
const JSON_TYPE = "application/json";
const PATCH_TYPE = "application/merge-patch+json";

/** The document. The same for every installation: nothing of one is in it. */
export function openApiDocument(): Json {
  const schemas: Record<string, Json> = { Errors: schemaOf(errorsSchema, "output") };
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of OPERATIONS) {
    const { answers } = operation;
    if (typeof answers === "object") schemas[answers.name] = schemaOf(enveloped(answers.data), "output");
    const path = (paths[operation.path] ??= {});
    for (const method of operation.methods) path[method] = describe(operation, method);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Keyferry",
      version: "1",
      description: "Secrets sync from Vault or OpenBao to Azure Key Vault, by the paths of Vault's own API.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/v1" }],
    security: [{ token: [] }],
    paths,
    components: {
      schemas,
      securitySchemes: {
        token: {
          type: "apiKey",
          in: "header",
          name: "X-Vault-Token",
          description: "A token of the source; its own policies decide.",
        },
      },
    },
  };
}

function describe(operation: Operation, method: string): Json {
  const { id, summary, capability, body } = operation;
  const parameters = [...pathParameters(operation), ...queryParameters(operation)];
  return {
    // POST is PUT; ids are unique in a document.
    operationId: method === "post" ? `${id}ByPost` : id,
    summary,
    ...(capability === undefined
      ? { security: [] }
      : { description: `Takes ${capability} on the path that is called.` }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: requestBody(body, method) }),
    responses: responses(operation),
  };
}

function requestBody(body: z.ZodObject, method: string): Json {
  const type = method === "patch" ? PATCH_TYPE : JSON_TYPE;
  return { content: { [type]: { schema: schemaOf(body, "input") } } };
}

function pathParameters({ path, capability }: Operation): Json[] {
  const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  if (capability === undefined) return named;
  const namespace = { name: "X-Vault-Namespace", in: "header", schema: { type: "string" } };
  return [...named, namespace];
}

function queryParameters({ query }: Operation): Json[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(query, { io: "input" });
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    required: required.includes(name),
    schema,
  }));
}

function responses(operation: Operation): Json {
  const { answers } = operation;
  const described: Record<string, Json> = {};
  if (answers === "nothing") described["204"] = { description: "Done" };
  else if (answers === "document") described["200"] = content("The document", { type: "object" });
  else described["200"] = content("Vault's envelope", { $ref: `#/components/schemas/${answers.name}` });
  for (const status of errorStatusesOf(operation)) {
    described[String(status)] = content(ERRORS[status] ?? "Refused", { $ref: "#/components/schemas/Errors" });
  }
  return described;
}

function content(description: string, schema: Json): Json {
  return { description, content: { [JSON_TYPE]: { schema } } };
}

function schemaOf(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
}
