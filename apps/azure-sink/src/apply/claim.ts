import type { NameRecord } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import type { SecretVersion } from "@keyferry/key-vault";
import { type Attempt, type Grant, pacedRead } from "./attempt.ts";
import { VERSION_PAGES_MAX, VERSIONS_TO_WARN } from "./limits.ts";
import { type Claimant, judgeTags, judgeVersions, type Ownership } from "./ownership.ts";

/** Who is asking for a name. */
export function claimantOf({ command, deps, destination }: Attempt, name: string): Claimant {
  const { instanceId, tagKeys } = deps.identity;
  return {
    association: command.association,
    secretKey: command.secretKey,
    placement: { instanceId, vaultHost: destination.vault.vaultHost, lowerName: name.toLowerCase() },
    tagKeys,
  };
}

/** Whose each of these versions is; what a retired association of ours left counts as ours. */
export async function judgeEach(
  attempt: Attempt,
  name: string,
  versions: readonly SecretVersion[],
): Promise<readonly { readonly version: SecretVersion; readonly ownership: Ownership }[]> {
  const claimant = claimantOf(attempt, name);
  const retired = new Map<string, Promise<Ownership>>();
  const judge = (ownership: Ownership): Promise<Ownership> | Ownership => {
    if (ownership.kind !== "sibling") return ownership;
    const known = retired.get(ownership.association) ?? withoutRetired(attempt, ownership);
    retired.set(ownership.association, known);
    return known;
  };
  return Promise.all(
    versions.map(async (version) => ({
      version,
      ownership: await judge(judgeTags(version.tags, claimant)),
    })),
  );
}

/**
 * As `lookAtVersions`, for what takes all versions along: a living association of ours that has written under the name too
 * has taken it over, whatever we remember (hazard recreated-destination-same-vault).
 */
export async function lookBeforeDelete(
  attempt: Attempt,
  name: string,
  known: NameRecord | undefined,
  held: Grant,
): Promise<Ownership> {
  const { ownership, versions } = await lookAtVersions(attempt, name, known, held);
  if (ownership.kind !== "ours") return ownership;
  const judged = await judgeEach(attempt, name, versions);
  return judged.find((one) => one.ownership.kind === "sibling")?.ownership ?? ownership;
}

/** Looks at what lies under the name now, whose it is, and which version is the newest by the vault's own times. */
export async function lookAtVersions(
  attempt: Attempt,
  name: string,
  known: NameRecord | undefined,
  held: Grant,
): Promise<{
  readonly ownership: Ownership;
  readonly newest: SecretVersion | undefined;
  readonly versions: readonly SecretVersion[];
}> {
  const { vault } = attempt.destination;
  const look = (signal: AbortSignal) => vault.versions(name, { signal, pagesMax: VERSION_PAGES_MAX });
  const { versions } = await pacedRead(attempt, look, held);
  if (versions.length >= VERSIONS_TO_WARN) {
    attempt.deps.events.manyVersions({ command: attempt.command, name, versions: versions.length });
  }
  const ownership = await withoutRetired(attempt, judgeVersions(versions, known, claimantOf(attempt, name)));
  const [newest, second] = versions.toSorted((a, b) => b.createdOn - a.createdOn);
  // Times have whole seconds: of two in one second nobody can say which is the newest.
  return { ownership, newest: newest?.createdOn === second?.createdOn ? undefined : newest, versions };
}

/** Whose the soft-deleted secret of this name is; undefined if there is none any more. */
export async function lookAtDeleted(attempt: Attempt, name: string): Promise<Ownership | undefined> {
  return (await lookBeforePurge(attempt, name))?.ownership;
}

/** Likewise, and whether Key Vault lets it be purged, as far as it says so. */
export async function lookBeforePurge(
  attempt: Attempt,
  name: string,
  held?: Grant,
): Promise<{ readonly ownership: Ownership; readonly isProtected: boolean } | undefined> {
  const { vault } = attempt.destination;
  const found = await pacedRead(attempt, (signal) => vault.deleted(name, { signal }), held).catch(
    (error: unknown) => lookInDeletedList(attempt, name, error),
  );
  if (found.kind === "absent") return undefined;
  const ownership = await withoutRetired(attempt, judgeTags(found.tags, claimantOf(attempt, name)));
  const level = "recoveryLevel" in found ? found.recoveryLevel : undefined;
  return { ownership, isProtected: level !== undefined && !level.includes("Purgeable") };
}

// Which right GET of one deleted secret needs is not documented; a role without it may be able to list them (reference
// section 4).
async function lookInDeletedList(
  attempt: Attempt,
  name: string,
  error: unknown,
): Promise<{ kind: "deleted"; tags: Readonly<Record<string, string>> } | { kind: "absent" }> {
  if (!(error instanceof KeyferryError) || error.code !== "vault-denied") throw error;
  const lower = name.toLowerCase();
  const pages = attempt.destination.vault.listDeleted({ signal: attempt.signal });
  for (;;) {
    const page = await pacedRead(attempt, () => pages.next());
    if (page.done === true) return { kind: "absent" };
    const found = page.value.find((one) => one.name.toLowerCase() === lower);
    if (found !== undefined) return { kind: "deleted", tags: found.tags };
  }
}

// What an association of ours left that is gone for good is taken over; one that lives, or retires, is waited for (O4).
async function withoutRetired(attempt: Attempt, ownership: Ownership): Promise<Ownership> {
  if (ownership.kind !== "sibling") return ownership;
  return (await attempt.deps.associations.isKnown(ownership.association)) ? ownership : { kind: "ours" };
}
