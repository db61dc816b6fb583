// Owns: what a plan asks a sink about the vault, and what the answer means for names that would be new. Does not own
// whose a name is: the sink judges by the marks.

import {
  type DestinationRecord,
  LOOK_NAMES_MAX,
  policyOf,
  type ResolvedPolicy,
  type SeenName,
  TAKEN_OVER,
  type Uid,
} from "@keyferry/contracts";
import type { OperationsBus } from "../ports.ts";
import type { InVault } from "./plan-change.ts";

/** Where a plan would write. */
export type VaultOfPlan = Pick<DestinationRecord, "name" | "connection" | "policy">;

export interface LookedAt {
  /** By lower-case name; undefined: nobody looked. */
  readonly inVault: ReadonlyMap<string, InVault> | undefined;
  readonly notes: readonly string[];
}

// Within the patience of a request.
const WAIT_MS = 10_000;
const UNSEEN =
  "a create may still be refused because its name is somebody else's, or soft-deleted; that is seen when it is written";

/** Asks a sink what lies under these names. */
export async function lookForPlan(
  looks: OperationsBus["vaultLooks"],
  { name: destination, connection, policy }: VaultOfPlan,
  names: readonly { readonly name: string; readonly association?: Uid }[],
): Promise<LookedAt> {
  if (names.length === 0) return { inVault: undefined, notes: [] };
  const { ownership, rateGroup } = policyOf(policy);
  const asked = names.slice(0, LOOK_NAMES_MAX);
  const reply = await looks.ask({
    major: 1,
    kind: "names",
    destination,
    connection,
    ...(rateGroup === undefined ? {} : { rateGroup }),
    names: [...asked],
    waitMs: WAIT_MS,
  });
  const failure = reply === undefined ? `no azure-sink answered within ${WAIT_MS / 1_000} s` : reply.failure;
  if (reply === undefined || failure !== null) {
    return { inVault: undefined, notes: [`Key Vault was not looked at (${failure}): ${UNSEEN}.`] };
  }
  const inVault = new Map<string, InVault>();
  for (const seen of reply.names) {
    const met = meaningOf(seen, ownership);
    if (met !== undefined) inVault.set(seen.name.toLowerCase(), met);
  }
  const rest = names.length - asked.length;
  const notes = [
    `A sink looked at Key Vault for ${asked.length} new name${asked.length === 1 ? "" : "s"}.`,
    ...(rest === 0 ? [] : [`Of ${rest} more names nothing is known: ${UNSEEN}.`]),
  ];
  return { inVault, notes };
}

/** What lies under a name means; undefined: it can simply be written. */
export function meaningOf(seen: SeenName, ownership: ResolvedPolicy["ownership"]): InVault | undefined {
  const { there, mark, whose } = seen;
  if (there === "absent") return undefined;
  const isDeleted = there === "deleted";
  if (mark === "free" || mark === "ours") {
    return isDeleted
      ? { kind: "recovered", why: "this association's own is soft-deleted there: it is recovered first" }
      : undefined;
  }
  const what = isDeleted ? "a soft-deleted secret has this name: it belongs to" : "it belongs to";
  if (!TAKEN_OVER[ownership].includes(mark)) {
    const fix = FIX[mark] ?? "choose another name";
    return { kind: "refused", why: `${what} ${whose}; ${isDeleted ? `purge it, or ${fix}` : fix}` };
  }
  const how = isDeleted ? "it is recovered and taken over" : "it is taken over";
  return {
    kind: isDeleted ? "recovered" : "taken-over",
    why: `${what} ${whose}; ${how} (ownership: ${ownership})`,
  };
}

const FIX: Readonly<Partial<Record<SeenName["mark"], string>>> = {
  none: "take it over by keyferry adopt once it is refused",
  released: "take it over by ownership: overwrite",
  sibling: "give one of the two another name",
};
