// Owns: IP addresses and ranges as numbers. Pure; by hand, as pure code imports no node:net.

export interface IpAddress {
  readonly family: 4 | 6;
  readonly bits: bigint;
}

/** Every address whose first `prefix` bits are those of `bits`. */
export interface IpRange extends IpAddress {
  readonly prefix: number;
  readonly text: string;
}

const WIDTH = { 4: 32, 6: 128 } as const;

/** An address as it is written; undefined if it is none. A zone (`%eth0`) does not count. */
export function parseAddress(text: string): IpAddress | undefined {
  const plain = text.replace(/%.*$/, "");
  const bits = plain.includes(":") ? readIpv6(plain) : readIpv4(plain);
  return bits === undefined ? undefined : { family: plain.includes(":") ? 6 : 4, bits };
}

/** `address/prefix`; undefined if it is none. Bits behind the prefix don't count, as in Go, where Vault reads it. */
export function parseRange(text: string): IpRange | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const address = match?.[1]?.includes("%") === false ? parseAddress(match[1]) : undefined;
  if (address === undefined) return undefined;
  const prefix = Number(match?.[2]);
  return prefix > WIDTH[address.family] ? undefined : { ...address, prefix, text };
}

/** True if the address lies in the range; those of another family never do. */
export function isInRange(range: IpRange, address: IpAddress): boolean {
  const shift = BigInt(WIDTH[range.family] - range.prefix);
  return range.family === address.family && range.bits >> shift === address.bits >> shift;
}

function readIpv4(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let bits = 0n;
  for (const part of parts) {
    // Neither octal nor short forms: what one parser reads as 8 another reads as 10.
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bits = (bits << 8n) | BigInt(part);
  }
  return bits;
}

function readIpv6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(groupsOf);
  if (head === undefined) return undefined;
  if (halves.length === 1) return head.length === 8 ? joined(head) : undefined;
  if (tail === undefined || head.length + tail.length > 7) return undefined;
  return joined([...head, ...Array<bigint>(8 - head.length - tail.length).fill(0n), ...tail]);
}

/** The 16-bit groups of a part without `::`; an IPv4 address may be its end. */
function groupsOf(text: string): bigint[] | undefined {
  if (text === "") return [];
  const groups: bigint[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    const ipv4 = index === parts.length - 1 && part.includes(".") ? readIpv4(part) : undefined;
    if (ipv4 !== undefined) groups.push(ipv4 >> 16n, ipv4 & 0xffffn);
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return groups;
}

function joined(groups: readonly bigint[]): bigint {
  return groups.reduce((bits, group) => (bits << 16n) | group, 0n);
}
