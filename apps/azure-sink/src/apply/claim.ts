import type { NameRecord } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import { type Attempt, type Grant, pacedRead } from "./attempt.ts";
import { VERSION_PAGES_MAX } from "./limits.ts";
import { type Claimant, judgeTags, judgeVersions, type Ownership } from "./ownership.ts";

/** Who is asking for a name. */
export function claimantOf({ command, deps, destination }: Attempt, name: string): Claimant {
  const { instanceId, tagKeys } = deps.identity;
  return {
    association: command.association,
    placement: { instanceId, vaultHost: destination.vault.vaultHost, lowerName: name.toLowerCase() },
    tagKeys,
  };
}

/** Looks at what lies under the name now: one list of its versions. */
export async function lookAtName(
  attempt: Attempt,
  name: string,
  known: NameRecord | undefined,
  held: Grant,
): Promise<Ownership> {
  const { vault } = attempt.destination;
  const look = (signal: AbortSignal) => vault.versions(name, { signal, pagesMax: VERSION_PAGES_MAX });
  const { versions } = await pacedRead(attempt, look, held);
  return withoutRetired(attempt, judgeVersions(versions, known, claimantOf(attempt, name)));
}

/** Whose the soft-deleted secret of this name is; undefined if there is none any more. */
export async function lookAtDeleted(attempt: Attempt, name: string): Promise<Ownership | undefined> {
  const { vault } = attempt.destination;
  const found = await pacedRead(attempt, (signal) => vault.deleted(name, { signal }));
  if (found.kind === "absent") return undefined;
  return withoutRetired(attempt, judgeTags(found.tags, claimantOf(attempt, name)));
}

// What an association of ours left that is gone for good is taken over; one that lives, or retires, is waited for (O4).
async function withoutRetired(attempt: Attempt, ownership: Ownership): Promise<Ownership> {
  if (ownership.kind !== "sibling") return ownership;
  return (await attempt.deps.associations.isKnown(ownership.association)) ? ownership : { kind: "ours" };
}

/** Why a name can't be written, as an error; undefined if it can. */
export function refusalOf(ownership: Ownership, name: string): KeyferryError | undefined {
  switch (ownership.kind) {
    case "free":
    case "ours":
      return undefined;
    case "sibling":
      return new KeyferryError("name-taken", `Another association of this instance holds the name ${name}`, {
        name,
        association: ownership.association,
      });
    case "foreign":
      return new KeyferryError(
        "foreign-owner",
        `The Key Vault secret ${name} belongs to ${ownership.whose}`,
        { name },
      );
  }
}
