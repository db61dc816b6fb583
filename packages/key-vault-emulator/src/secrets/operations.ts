// Owns: which function serves which operation.
import type { Operation } from "../wire/route.ts";
import { backupSecret, restoreSecret } from "./backup.ts";
import type { Answer, Call } from "./call.ts";
import { deleteSecret, purgeSecret, recoverSecret } from "./delete.ts";
import { getDeletedSecret, getSecret, listDeletedSecrets, listSecrets, listVersions } from "./read.ts";
import { setSecret, updateSecret } from "./write.ts";

const SERVE: Readonly<Record<Operation, (call: Call) => Answer>> = {
  set: setSecret,
  get: getSecret,
  update: updateSecret,
  list: listSecrets,
  listVersions,
  delete: deleteSecret,
  getDeleted: getDeletedSecret,
  listDeleted: listDeletedSecrets,
  recover: recoverSecret,
  purge: purgeSecret,
  backup: backupSecret,
  restore: restoreSecret,
};

/** Serves one call on the state as it is now. */
export function serve(call: Call): Answer {
  return SERVE[call.operation](call);
}
