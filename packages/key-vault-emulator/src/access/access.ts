// Owns: who may do what in which vault: RBAC data actions or access policies, and the firewall.
// Does not own: who the caller is (entra/).
import { assertNever } from "../assert-never.ts";
import { forbidden } from "../wire/refusal.ts";
import type { Refusal } from "../wire/refusal.ts";
import type { Operation } from "../wire/route.ts";

/** Data actions under `Microsoft.KeyVault/vaults/secrets/`, shortened to their name. */
export const DATA_ACTIONS = [
  "setSecret",
  "getSecret",
  "readMetadata",
  "update",
  "delete",
  "recover",
  "purge",
  "backup",
  "restore",
] as const;
export type DataAction = (typeof DATA_ACTIONS)[number];

/** Permissions of access policies. */
export const PERMISSIONS = ["get", "list", "set", "delete", "recover", "purge", "backup", "restore"] as const;
export type Permission = (typeof PERMISSIONS)[number];

export type Access =
  | { readonly model: "all" }
  | { readonly model: "rbac"; readonly actions: readonly DataAction[] }
  | { readonly model: "policy"; readonly permissions: readonly Permission[] };

// PATCH has an action of its own; which one GET /deletedsecrets/{name} needs is not documented.
const ACTION_OF: Readonly<Record<Operation, DataAction>> = {
  set: "setSecret",
  get: "getSecret",
  update: "update",
  list: "readMetadata",
  listVersions: "readMetadata",
  delete: "delete",
  getDeleted: "readMetadata",
  listDeleted: "readMetadata",
  recover: "recover",
  purge: "purge",
  backup: "backup",
  restore: "restore",
};

const ACTION_ID: Readonly<Record<DataAction, string>> = {
  setSecret: "setSecret/action",
  getSecret: "getSecret/action",
  readMetadata: "readMetadata/action",
  update: "update/action",
  delete: "delete",
  recover: "recover/action",
  purge: "purge/action",
  backup: "backup/action",
  restore: "restore/action",
};

const PERMISSION_OF: Readonly<Record<Operation, Permission>> = {
  set: "set",
  get: "get",
  update: "set",
  list: "list",
  listVersions: "list",
  delete: "delete",
  getDeleted: "get",
  listDeleted: "list",
  recover: "recover",
  purge: "purge",
  backup: "backup",
  restore: "restore",
};

/** Grants by principal and vault, and closed firewalls. A principal's grant for a vault goes before its general one. */
export class AccessRules {
  #grants = new Map<string, Access>();
  #closed = new Set<string>();

  /** Sets what a principal may do, in one vault or (without one) in all. */
  grant(clientId: string, access: Access, vault?: string): void {
    this.#grants.set(grantKey(clientId, vault), access);
  }

  /** Closes or opens a vault's firewall. */
  setFirewall(vault: string, firewall: "open" | "closed"): void {
    if (firewall === "closed") this.#closed.add(vault.toLowerCase());
    else this.#closed.delete(vault.toLowerCase());
  }

  /** The refusal of a call; undefined where it is allowed. A principal without any grant may do everything. */
  refuse(clientId: string, vault: string, operation: Operation, clientAddress: string): Refusal | undefined {
    if (this.#closed.has(vault)) {
      return forbidden(
        `Client address is not authorized and caller is not a trusted service. Client address: ${clientAddress}`,
        "ForbiddenByFirewall",
      );
    }
    const access =
      this.#grants.get(grantKey(clientId, vault)) ?? this.#grants.get(grantKey(clientId, undefined));
    switch (access?.model) {
      case "rbac": {
        const action = ACTION_OF[operation];
        if (access.actions.includes(action)) return undefined;
        return forbidden(
          `Caller is not authorized to perform action on resource. Caller: appid=${clientId}. ` +
            `Action: 'Microsoft.KeyVault/vaults/secrets/${ACTION_ID[action]}'. Assignment: (not found).`,
          "ForbiddenByRbac",
        );
      }
      case "policy": {
        const permission = PERMISSION_OF[operation];
        if (access.permissions.includes(permission)) return undefined;
        return forbidden(
          `The application ${clientId} does not have secrets ${permission} permission on key vault '${vault}'.`,
          "AccessDenied",
        );
      }
      case "all":
      case undefined:
        return undefined;
      default:
        return assertNever(access);
    }
  }
}

function grantKey(clientId: string, vault: string | undefined): string {
  return `${clientId.toLowerCase()} ${vault?.toLowerCase() ?? "*"}`;
}
