// Owns: from what a sink found of a destination's connection to findings with the command that mends each. Pure.

import type { CheckFinding, Credential } from "@keyferry/contracts";
import type { Finding } from "./finding.ts";

/** What a sink said of a connection. */
export interface ConnectionFacts {
  readonly clientId: string;
  readonly credential: Credential["kind"];
  /** `unanswered`: no sink said anything in time. */
  readonly checks: readonly CheckFinding[] | "unanswered";
}

interface Of extends ConnectionFacts {
  readonly name: string;
  readonly host: string;
}

/** Faults first come from what failed; what works is one line. */
export function diagnoseConnection(of: Of): readonly Finding[] {
  const { name, checks } = of;
  if (checks === "unanswered") {
    const what = `${name}: no sink could say whether its connection works`;
    const fix =
      "keyferry status says whether an azure-sink runs and what it waits for; then keyferry doctor again.";
    return [{ id: "connection-unanswered", part: "destination", level: "warning", what, fix }];
  }
  const wrong = checks.filter(({ ok }) => !ok);
  if (wrong.length > 0) {
    return wrong.map((finding) => ({
      id: `connection-${finding.check}`,
      part: "destination",
      level: UNPROVEN.test(finding.detail) ? "warning" : "fault",
      what: `${name}: ${finding.check}: ${finding.detail}`,
      fix: fixOf(finding, of),
    }));
  }
  if (checks.length === 0) return [];
  const seen = checks.map(({ check }) => check).join(", ");
  const protection = checks.find(({ check }) => check === "purge-protection");
  const more = protection === undefined ? "" : `; purge protection ${protection.detail}`;
  return [
    {
      id: "connection-ok",
      part: "destination",
      level: "ok",
      what: `${name}: its connection works (${seen})${more}`,
      fix: "",
    },
  ];
}

function fixOf({ check, detail, advice = "" }: CheckFinding, of: Of): string {
  return [commandFor(check, detail, of), advice].filter((part) => part !== "").join("  # ");
}

const UNPROVEN = /^not proven/;
const FIREWALL = /firewall|no connection/i;

function commandFor(
  check: CheckFinding["check"],
  detail: string,
  { name, host, clientId, credential }: Of,
): string {
  const vault = host.split(".")[0] ?? host;
  const path = `sys/sync/destinations/azure-kv/${name}`;
  if (UNPROVEN.test(detail)) return "keyferry doctor --probe";
  if (FIREWALL.test(detail)) {
    return `az keyvault network-rule add --name ${vault} --ip-address <the sink's address>`;
  }
  switch (check) {
    case "sink":
      return "keyferry status";
    case "credential":
    case "token":
      return TOKEN_FIXES[credential](path, clientId);
    case "dns":
      return detail.includes("no address")
        ? `nslookup ${host}`
        : `bao patch ${path} allowed_ipv4_addresses=<range of the private endpoint>`;
    case "tls":
      return `openssl s_client -connect ${host}:443 -servername ${host}`;
    case "tenant":
      return `bao delete ${path}, then write it anew with the right tenant_id`;
    case "list":
    case "list-deleted":
    case "set":
    case "update":
    case "delete":
    case "recover":
      return `az role assignment create --assignee ${clientId === "" ? "<the sink's identity>" : clientId} --role "Key Vault Secrets Officer" --scope "$(az keyvault show --name ${vault} --query id -o tsv)"`;
    case "soft-delete":
      return `az keyvault update --name ${vault} --enable-soft-delete true`;
    case "purge-protection":
      return `az keyvault update --name ${vault} --enable-purge-protection true`;
  }
}

const TOKEN_FIXES: Readonly<Record<Credential["kind"], (path: string, clientId: string) => string>> = {
  "client-secret": (path) => `bao patch ${path} client_secret=-`,
  certificate: (path) => `bao patch ${path} client_certificate=@certificate.pem`,
  environment: () => "set AZURE_CLIENT_SECRET for the azure-sink and restart it",
  "workload-identity": (_path, clientId) => `az ad app federated-credential list --id ${clientId}`,
  "managed-identity": (_path, clientId) =>
    clientId === "" ? "az vm identity show" : `az identity list --query "[?clientId=='${clientId}']"`,
};
