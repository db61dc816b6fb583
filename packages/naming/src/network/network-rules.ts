// Owns: which addresses and ports a destination may lead to: Vault's four switches (O18, hazard uri-aimed-elsewhere).
// Pure. Does not own asking for addresses, nor connecting: the adapter judges each address that it is about to use.
import type { NetworkRules } from "@keyferry/contracts";
import { type IpAddress, type IpRange, isInRange, parseAddress, parseRange } from "./ip-range.ts";

// reference: Vault denies the ranges of IANA's special-purpose registries, and all ports but these two.
const PORTS = [80, 443];
const ENTRIES_MAX = 100; // a list this long is not a list of private endpoints

const DENIED_IPV4 = ranges(
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
);
const DENIED_IPV6 = ranges("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20");
const [GLOBAL_IPV6] = ranges("2000::/3");
// Both carry an IPv4 address in their last 32 bits, which is the one that is reached.
const CARRIERS_OF_IPV4 = ranges("::ffff:0:0/96", "64:ff9b::/96");

export type AddressVerdict =
  | { readonly kind: "permitted" }
  /** `deniedBy`: the range, or what else forbids it. */
  | { readonly kind: "denied"; readonly deniedBy: string };

/** Whether a connection to this address and port may be made. Without rules it is strict, as Vault is. */
export function judgeAddress(address: string, port: number, rules: NetworkRules | undefined): AddressVerdict {
  if (rules?.disableStrictNetworking === true) return { kind: "permitted" };
  const ports = rules?.allowedPorts ?? [];
  if (!(ports.length > 0 ? ports : PORTS).includes(port)) {
    return { kind: "denied", deniedBy: `port ${port} is not in allowed_ports` };
  }
  const parsed = parseAddress(address);
  if (parsed === undefined) return { kind: "denied", deniedBy: "not an IP address" };
  const lists = [...(rules?.allowedIpv4Addresses ?? []), ...(rules?.allowedIpv6Addresses ?? [])];
  const carried = carriedIpv4(parsed);
  const forms = carried === undefined ? [parsed] : [parsed, carried];
  const isListed = lists.some((text) => {
    const range = parseRange(text);
    return range !== undefined && forms.some((form) => isInRange(range, form));
  });
  if (isListed) return { kind: "permitted" };
  const deniedBy = deniedRange(carried ?? parsed);
  return deniedBy === undefined ? { kind: "permitted" } : { kind: "denied", deniedBy };
}

function deniedRange(address: IpAddress): string | undefined {
  if (address.family === 4) return DENIED_IPV4.find((range) => isInRange(range, address))?.text;
  if (GLOBAL_IPV6 === undefined || !isInRange(GLOBAL_IPV6, address)) return "outside of 2000::/3";
  return DENIED_IPV6.find((range) => isInRange(range, address))?.text;
}

function carriedIpv4(address: IpAddress): IpAddress | undefined {
  if (!CARRIERS_OF_IPV4.some((range) => isInRange(range, address))) return undefined;
  return { family: 4, bits: address.bits & 0xffff_ffffn };
}

/** What is wrong with a list of ranges; undefined if nothing is. */
export function checkRanges(field: string, family: 4 | 6, list: readonly string[]): string | undefined {
  if (list.length > ENTRIES_MAX) return `${field} has more than ${ENTRIES_MAX} entries: use wider ranges`;
  const example = family === 4 ? "10.1.0.0/16" : "fd00:1234::/32";
  const wrong = list.find((text) => parseRange(text)?.family !== family);
  return wrong === undefined
    ? undefined
    : `${field} has an entry that is not a range of IPv${family}: write it like ${example}`;
}

function ranges(...texts: readonly string[]): readonly IpRange[] {
  return texts.flatMap((text) => parseRange(text) ?? []);
}
