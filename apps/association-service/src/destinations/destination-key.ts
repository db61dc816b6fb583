// Owns: where a destination's record lies. By its name while it answers to it, so that creating with revision 0 makes a
// name unique; by its uid once it is retired and the name may be in use again. The keys' spelling is the bus's.

import { destinationKey as busDestinationKey, retiredDestinationKey } from "@keyferry/bus";

/** What makes a destination one: names are per namespace and type (O11). */
export interface DestinationIdentity {
  readonly namespace: string;
  readonly type: "azure-kv";
  readonly name: string;
}

export function destinationKey(identity: DestinationIdentity): string {
  return busDestinationKey(identity);
}

export { retiredDestinationKey };
