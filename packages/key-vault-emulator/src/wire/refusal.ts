// Owns: what the service says when it says no, and the codes it says it with.
// Clients match `code` and `innererror.code`, never the text; the texts here are our own unless a client is known to
// look at them.

/** An answer of 4xx or 5xx in Key Vault's error form. */
export interface Refusal {
  readonly kind: "refused";
  readonly status: number;
  readonly code: string;
  readonly innerCode: string | undefined;
  readonly message: string;
}

function refusal(status: number, code: string, message: string, innerCode?: string): Refusal {
  return { kind: "refused", status, code, message, innerCode };
}

/** Any status and codes, for faults. */
export function customRefusal(status: number, code: string, message: string, innerCode?: string): Refusal {
  return refusal(status, code, message, innerCode);
}

export function badParameter(message: string): Refusal {
  return refusal(400, "BadParameter", message);
}

export function unauthorized(message: string): Refusal {
  return refusal(401, "Unauthorized", message);
}

/** With an inner code where Azure has one: `ForbiddenByRbac`, `AccessDenied`, `ForbiddenByFirewall`, `SecretDisabled`. */
export function forbidden(message: string, innerCode?: string): Refusal {
  return refusal(403, "Forbidden", message, innerCode);
}

export function secretNotFound(nameOrId: string): Refusal {
  return refusal(
    404,
    "SecretNotFound",
    `A secret with (name/id) ${nameOrId} was not found in this key vault.`,
  );
}

export function deletedSecretNotFound(name: string): Refusal {
  return refusal(404, "SecretNotFound", `Deleted Secret not found: ${name}`);
}

export function routeNotFound(path: string): Refusal {
  return refusal(404, "ResourceNotFound", `There is no resource at ${path}.`);
}

export function methodNotAllowed(method: string): Refusal {
  return refusal(405, "MethodNotAllowed", `HTTP ${method} is not allowed on this resource.`);
}

/** The inner code is left out where the service gives none (purge too early, concurrent recover). */
export function conflict(message: string, innerCode?: ConflictCode): Refusal {
  return refusal(409, "Conflict", message, innerCode);
}

export type ConflictCode =
  | "ObjectIsDeletedButRecoverable"
  | "ObjectIsBeingDeleted"
  | "ObjectIsBeingRecovered";

export function requestTooLarge(bytesMax: number): Refusal {
  return refusal(413, "RequestEntityTooLarge", `The request body is larger than ${bytesMax} bytes.`);
}

/** `reason` names the limit that was hit; clients have seen `VaultRequestTypeLimitReached` there. */
export function throttled(reason: string): Refusal {
  return refusal(429, "Throttled", `The request was not processed: too many requests. Reason: ${reason}`);
}

/** The JSON of the error form. */
export function refusalJson(no: Refusal): string {
  const inner = no.innerCode === undefined ? {} : { innererror: { code: no.innerCode } };
  return JSON.stringify({ error: { code: no.code, message: no.message, ...inner } });
}
