// Owns: the least that each part needs, as text to paste: policies of the source, permissions of NATS, roles of Azure.
// Pure but for the policies of the source, which are the client package's.

import { apiPolicy, detectorPolicy, sinkPolicy } from "@keyferry/vault-client";

export const ROLES = ["detector", "sink", "api", "operator", "nats", "azure"] as const;
export type Role = (typeof ROLES)[number];

export interface PolicyWish {
  readonly role: Role;
  readonly flavour: "openbao" | "vault";
  /** Paths of KVv2 mounts. */
  readonly mounts: readonly string[];
  readonly ownMount: string;
  /** Hosts of the destinations' vaults. */
  readonly vaults: readonly string[];
}

/** The text. */
export function policyText({ role, flavour, mounts, ownMount, vaults }: PolicyWish): string {
  const common = { flavour, mounts: mounts.length === 0 ? ["my-kv"] : mounts, ownMount };
  switch (role) {
    case "detector":
      return detectorPolicy(common);
    case "sink":
      return sinkPolicy(common);
    case "api":
      return apiPolicy(common);
    case "operator":
      return OPERATOR;
    case "nats":
      return NATS;
    case "azure":
      return azureText(vaults);
  }
}

const OPERATOR = `# A person who operates Keyferry: everything but rules, which take sudo. Reading values is not in it.
path "sys/sync/*" {
  capabilities = ["create", "read", "update", "patch", "delete", "list"]
}
`;

// Streams and buckets by who writes them (docs/architecture.md). Consumers are made and read through $JS.API.
const NATS = `# For nats-server's configuration. One user for each service; give each a password of its own.
authorization {
  users = [
    # The change-detector: writes what it saw, its lease and its report; reads the rest.
    { user: keyferry-detector, password: "<password>", permissions: {
        publish: ["kv2.event.>", "kv2.hint.>", "$KV.leases.>", "$KV.operations.>", "sync.dlq.>", "$JS.API.>", "$JS.ACK.>", "_INBOX.>"]
        subscribe: ["kv2.hint.>", "keyferry.presence", "_INBOX.>"] } }
    # The association-service: makes the streams; writes configuration and commands.
    { user: keyferry-association, password: "<password>", permissions: {
        publish: ["sync.desired.>", "sync.dlq.>", "kv2.hint.>", "keyferry.>", "$KV.>", "$JS.API.>", "$JS.ACK.>", "_INBOX.>"]
        subscribe: ["kv2.hint.>", "keyferry.presence", "_INBOX.>"] } }
    # The azure-sink: writes intents and outcomes, drift reports, and hints; answers who asks it to look at a vault.
    { user: keyferry-sink, password: "<password>", permissions: {
        publish: ["sync.result.>", "sync.dlq.>", "kv2.hint.>", "$KV.operations.>", "$JS.API.>", "$JS.ACK.>", "_INBOX.>"]
        subscribe: ["keyferry.>", "_INBOX.>"] } }
  ]
}
`;

const DATA_ACTIONS = [
  "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
  "Microsoft.KeyVault/vaults/secrets/setSecret/action",
  "Microsoft.KeyVault/vaults/secrets/update/action",
  "Microsoft.KeyVault/vaults/secrets/delete",
  "Microsoft.KeyVault/vaults/secrets/recover/action",
];

function azureText(vaults: readonly string[]): string {
  const role = {
    Name: "Keyferry",
    Description: "Writes secrets and their tags. Cannot read a value.",
    IsCustom: true,
    Actions: [],
    DataActions: DATA_ACTIONS,
    AssignableScopes: ["/subscriptions/<subscription>"],
  };
  const names = vaults.length === 0 ? ["<vault>"] : vaults.map((host) => host.split(".")[0] ?? host);
  const assignments = names.map(
    (name) =>
      `az role assignment create --role Keyferry --assignee <client id> --scope $(az keyvault show --name ${name} --query id --output tsv)`,
  );
  return [
    "# A role with the data actions that a sink needs; no value can be read with it. Once per subscription:",
    "# (keyferry adopt --digests alone wants one more: Microsoft.KeyVault/vaults/secrets/getSecret/action)",
    `az role definition create --role-definition '${JSON.stringify(role)}'`,
    "# Then for each vault, with its permission model set to Azure RBAC:",
    ...assignments,
    "",
  ].join("\n");
}
