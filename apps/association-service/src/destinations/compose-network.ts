// Owns: Vault's four switches of where a destination may lead to, as a write leaves them. Pure.

import type { NetworkRules } from "@keyferry/contracts";
import { checkRanges } from "@keyferry/naming";
import type { DestinationFields } from "./destination-fields.ts";

const PORT_MAX = 65_535;
const PORTS_MAX = 100;

/** The rules after a write; undefined: strict, as Vault is by default. `before`: what a PATCH merges into. */
export function composeNetwork(
  fields: DestinationFields,
  before: NetworkRules | undefined,
  errors: string[],
): NetworkRules | undefined {
  const isOff = choose(fields.disable_strict_networking, before?.disableStrictNetworking) ?? false;
  const ipv4 = choose(fields.allowed_ipv4_addresses, before?.allowedIpv4Addresses) ?? [];
  const ipv6 = choose(fields.allowed_ipv6_addresses, before?.allowedIpv6Addresses) ?? [];
  const ports = choose(readPorts(fields.allowed_ports, errors), before?.allowedPorts) ?? [];
  const faults = [
    checkRanges("allowed_ipv4_addresses", 4, ipv4),
    checkRanges("allowed_ipv6_addresses", 6, ipv6),
  ];
  errors.push(...faults.flatMap((fault) => fault ?? []));
  if (ports.length > 0 && !ports.includes(443) && !isOff) {
    errors.push("allowed_ports takes the place of 80 and 443, and Key Vault listens on 443: add it");
  }
  const rules: NetworkRules = {
    ...(isOff ? { disableStrictNetworking: true } : {}),
    ...(ipv4.length === 0 ? {} : { allowedIpv4Addresses: ipv4 }),
    ...(ipv6.length === 0 ? {} : { allowedIpv6Addresses: ipv6 }),
    ...(ports.length === 0 ? {} : { allowedPorts: ports }),
  };
  return Object.keys(rules).length === 0 ? undefined : rules;
}

// Absent in a PATCH: as before. Null, and absent in a PUT, where there is no before: the default.
function choose<T>(sent: T | null | undefined, before: T | undefined): T | undefined {
  return sent === undefined ? before : (sent ?? undefined);
}

function readPorts(
  sent: readonly string[] | null | undefined,
  errors: string[],
): number[] | null | undefined {
  if (sent === null || sent === undefined) return sent;
  if (sent.length > PORTS_MAX) errors.push(`allowed_ports has more than ${PORTS_MAX} entries`);
  const isPort = (text: string): boolean =>
    /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= PORT_MAX;
  if (!sent.every(isPort)) errors.push(`allowed_ports has an entry that is no port: use 1 to ${PORT_MAX}`);
  return [...new Set(sent.map(Number))];
}
