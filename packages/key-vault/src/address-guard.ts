// Owns: that a connection is made only to an address that has been judged: the socket connects to what this look-up gives
// and asks no second time, so that a name whose address changes in between leads nowhere else (DNS rebinding).
// Does not own: the rules (@keyferry/naming).
import { lookup as systemLookup, type LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import type { NetworkRules } from "@keyferry/contracts";
import { judgeAddress } from "@keyferry/naming";

/** A name leads to no address that is permitted. */
export class ProhibitedAddress extends Error {
  override readonly name = "ProhibitedAddress";
  readonly code = PROHIBITED;

  constructor(address: string, deniedBy: string) {
    // reference: the words of Vault's own refusal.
    super(`prohibited IP address: ${address} is not a permitted destination (denied by: ${deniedBy})`);
  }
}

export const PROHIBITED = "EPROHIBITED";

type Resolve = (
  hostname: string,
  options: { readonly all: true; readonly family?: number; readonly hints?: number },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** A look-up for sockets that gives permitted addresses only. `resolve`: another one than the system's, for tests. */
export function guardedLookup(
  rules: NetworkRules | undefined,
  port: number,
  resolve: Resolve = systemLookup,
): LookupFunction {
  return (hostname, options, callback) => {
    const family = typeof options.family === "number" ? { family: options.family } : {};
    const hints = options.hints === undefined ? {} : { hints: options.hints };
    resolve(hostname, { all: true, ...family, ...hints }, (error, addresses) => {
      if (error !== null) return callback(error, [], 0);
      const judged = addresses.map((found) => ({ found, verdict: judgeAddress(found.address, port, rules) }));
      const permitted = judged.flatMap(({ found, verdict }) => (verdict.kind === "permitted" ? [found] : []));
      const [first] = permitted;
      if (first === undefined) return callback(refusal(judged), [], 0);
      if (options.all === true) return callback(null, permitted);
      callback(null, first.address, first.family);
    });
  };
}

function refusal(
  judged: readonly { found: LookupAddress; verdict: ReturnType<typeof judgeAddress> }[],
): NodeJS.ErrnoException {
  for (const { found, verdict } of judged) {
    if (verdict.kind === "denied") return new ProhibitedAddress(found.address, verdict.deniedBy);
  }
  return Object.assign(new Error("the name has no address"), { code: "ENOTFOUND" });
}
