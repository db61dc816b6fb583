// Owns: whether a destination's connection works, told step by step as a person would look: name, TLS, tenant, token, the
// data actions, soft delete. Changes nothing in the vault unless a probe is asked for (check-writing.ts). Does not own: what
// follows from a finding.
import type { CheckFinding } from "@keyferry/contracts";
import { toKeyferryError } from "@keyferry/errors";
import { createHttpHeaders, createPipelineRequest } from "@azure/core-rest-pipeline";
import { PROHIBITED, guardedLookup } from "./address-guard.ts";
import { entraCode } from "./aadsts.ts";
import { checkWriting } from "./check-writing.ts";
import {
  assembleKeyVault,
  HTTPS_PORT,
  type KeyVaultOptions,
  type KeyVaultParts,
} from "./create-key-vault.ts";
import { type ExchangeLog, noting } from "./exchange.ts";
import { bad, deniedFinding, good } from "./findings.ts";

export interface CheckOptions {
  readonly signal: AbortSignal;
  /** Write and remove a secret `keyferry-probe-<probe>`; absent: nothing is written. */
  readonly probe?: string;
}

/** Looks at a connection. Never rejects: what goes wrong is a finding. The steps after a failed one are left out. */
export async function checkConnection(
  options: KeyVaultOptions,
  check: CheckOptions,
): Promise<CheckFinding[]> {
  const findings: CheckFinding[] = [];
  let parts: KeyVaultParts;
  try {
    parts = assembleKeyVault(options);
  } catch (thrown) {
    return [
      bad(
        "tls",
        toKeyferryError(thrown).message,
        "Correct the destination's address or azureSink.azure.",
        false,
      ),
    ];
  }
  const steps = [checkName, checkChallenge, checkToken, checkReading];
  try {
    for (const step of steps) {
      const found = await step(options, parts, check.signal);
      findings.push(...found);
      if (found.some(({ ok }) => !ok)) return findings;
    }
    if (check.probe === undefined) return findings;
    return [...findings, ...(await checkWriting(parts.vault, check.probe, options.clock, check.signal))];
  } catch (thrown) {
    const { message } = toKeyferryError(thrown);
    return [...findings, bad("list", message, "Repeat the check.", false)];
  } finally {
    await parts.vault.close();
  }
}

type Step = (options: KeyVaultOptions, parts: KeyVaultParts, signal: AbortSignal) => Promise<CheckFinding[]>;

const checkName: Step = async ({ emulator, network }, { address: { vaultHost } }) => {
  if (emulator !== undefined) return [good("dns", `not asked: an emulator stands for ${vaultHost}`)];
  const { promise, resolve } = Promise.withResolvers<CheckFinding>();
  guardedLookup(network, HTTPS_PORT)(vaultHost, { all: true }, (error, addresses) => {
    if (error === null) {
      const count = Array.isArray(addresses) ? addresses.length : 1;
      return resolve(good("dns", `${vaultHost} has ${count} permitted address(es)`));
    }
    if (error.code === PROHIBITED) {
      const advice =
        "If this is a private endpoint, name its range in allowed_ipv4_addresses or allowed_ipv6_addresses.";
      return resolve(bad("dns", error.message, advice, true));
    }
    const advice =
      "Check the name in key_vault_uri and that the vault exists; for a private endpoint, that its DNS zone is known where the sink runs.";
    return resolve(bad("dns", `${vaultHost} has no address: ${error.code ?? "unknown"}`, advice, false));
  });
  return [await promise];
};

const TLS_CODE = /^(?:ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH)/;
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i;

/** A request without a token: Key Vault answers it with the tenant that it belongs to. */
const checkChallenge: Step = async ({ credential }, { address: { vaultHost }, transport }, abortSignal) => {
  const log: ExchangeLog = { last: undefined };
  const request = createPipelineRequest({
    url: `https://${vaultHost}/secrets?api-version=7.6&maxresults=1`,
    headers: createHttpHeaders({ accept: "application/json" }),
    abortSignal,
  });
  let challenge: string;
  try {
    const answer = await noting(log, () => transport.sendRequest(request));
    challenge = answer.headers.get("www-authenticate") ?? "";
    if (answer.status !== 401 || challenge === "") {
      const advice = "Look at what stands between the sink and Azure: a proxy, a gateway, another server.";
      return [
        bad("tls", `${vaultHost} does not answer as a Key Vault does: ${answer.status}`, advice, false),
      ];
    }
  } catch {
    return [noConnection(vaultHost, log)];
  }
  const tls = good("tls", `${vaultHost} answers, and its certificate is its own`);
  const [of] = UUID.exec(/authorization(?:_uri)?="([^"]*)"/.exec(challenge)?.[1] ?? "") ?? [];
  const { tenantId } = credential;
  if (of === undefined || !UUID.test(tenantId))
    return [tls, good("tenant", "not compared: tenant_id is a domain")];
  if (of.toLowerCase() === tenantId.toLowerCase())
    return [tls, good("tenant", "the vault belongs to tenant_id")];
  const advice = `Send tenant_id ${of}, or check key_vault_uri.`;
  return [tls, bad("tenant", `the vault belongs to tenant ${of}, not to ${tenantId}`, advice, true)];
};

function noConnection(host: string, { last }: ExchangeLog): CheckFinding {
  if (last?.prohibited !== undefined) {
    return bad(
      "dns",
      last.prohibited,
      "Name its range in allowed_ipv4_addresses or allowed_ipv6_addresses.",
      true,
    );
  }
  const why = last?.failure ?? "unknown";
  return TLS_CODE.test(why)
    ? bad(
        "tls",
        `the certificate of ${host} is not trusted: ${why}`,
        "Look for a proxy that breaks TLS open; azureSink.azure.caFile takes its authority.",
        false,
      )
    : bad("tls", `no connection to ${host}: ${why}`, "Check the firewall from where the sink runs.", false);
}

const checkToken: Step = async (
  { credential: { kind } },
  { credential, address: { scope } },
  abortSignal,
) => {
  try {
    await credential.getToken(scope, { abortSignal });
    return [good("token", `Azure gives a token to the ${kind} credential`)];
  } catch (thrown) {
    const error = toKeyferryError(thrown);
    const aadsts = error.details["aadsts"];
    const known = typeof aadsts === "string" ? entraCode(aadsts) : undefined;
    // Only what lies in the destination itself is certain: a federated credential, say, may be on its way.
    const isOwn = kind === "client-secret" || kind === "certificate";
    return [
      bad("token", error.message, error.advice, isOwn && known !== undefined && known.part !== "authority"),
    ];
  }
};

/** A role may read what there is and nothing of what was deleted: both are asked. */
const checkReading: Step = async (_options, { vault }, signal) => {
  const findings: CheckFinding[] = [];
  let level: string | undefined;
  try {
    for await (const page of vault.list({ signal })) {
      level = page.find(({ recoveryLevel }) => recoveryLevel !== undefined)?.recoveryLevel;
      break;
    }
    findings.push(good("list", "secrets can be listed"));
  } catch (thrown) {
    return [deniedFinding("list", toKeyferryError(thrown))];
  }
  try {
    // The first page is enough.
    await vault.listDeleted({ signal }).next();
    findings.push(good("list-deleted", "deleted secrets can be listed"));
  } catch (thrown) {
    findings.push(deniedFinding("list-deleted", toKeyferryError(thrown)));
  }
  return [...findings, ...recovery(level)];
};

/** What a secret's recovery level says of its vault; nothing where no secret was seen. */
function recovery(level: string | undefined): CheckFinding[] {
  if (level === undefined) return [];
  const isSoft = level.includes("Recoverable");
  const softDelete = isSoft
    ? good("soft-delete", "on: a deleted secret can be recovered")
    : bad("soft-delete", "off: a deleted secret is gone at once", "Turn soft delete on.", false);
  const isProtected = !level.includes("Purgeable");
  return [
    softDelete,
    good("purge-protection", isProtected ? "on: nobody can purge" : "off: whoever has the right can purge"),
  ];
}
