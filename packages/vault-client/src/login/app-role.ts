// Owns: what a login by another AppRole takes, asked for with a token that may: the role's id, and a secret id of its own
// for each login. Does not own: the login.
import { KeyferryError } from "@keyferry/errors";
import { SecretValue } from "@keyferry/ports";
import { errorOfAnswer } from "../answer/answer-error.ts";
import { classifyAnswer } from "../answer/classify-answer.ts";
import { encodePath } from "../transport/encode-path.ts";
import type { Transport } from "../transport/transport.ts";

export interface AppRoleAddress {
  readonly namespace: string;
  /** The auth method's path, without `auth/`. */
  readonly mount: string;
  readonly role: string;
}

/** The role's id. @throws `source-denied` if there is no such role or it must not be asked for */
export async function readRoleId(transport: Transport, at: AppRoleAddress): Promise<string> {
  return fieldOf(transport, at, { method: "GET", name: "role-id", field: "role_id" });
}

/** A new secret id. @throws as above */
export async function makeSecretId(transport: Transport, at: AppRoleAddress): Promise<SecretValue> {
  return new SecretValue(
    await fieldOf(transport, at, { method: "POST", name: "secret-id", field: "secret_id" }),
  );
}

async function fieldOf(
  transport: Transport,
  { namespace, mount, role }: AppRoleAddress,
  { method, name, field }: { method: "GET" | "POST"; name: string; field: string },
): Promise<string> {
  const what = `ask for the ${name} of the AppRole ${role}`;
  const answer = await transport.send({
    method,
    path: `auth/${encodePath(mount)}/role/${encodePath(role)}/${name}`,
    namespace,
    ...(method === "POST" ? { body: "{}" } : {}),
    what,
  });
  const read = classifyAnswer(answer);
  if (read.kind === "absent") throw new KeyferryError("source-denied", `${what}: there is no such role`);
  const value = read.kind === "live" ? read.data[field] : undefined;
  if (typeof value !== "string" || value === "") throw errorOfAnswer(read, what);
  return value;
}
