// Owns: what lies under one name of a vault, and whose it is.
import type { SeenName, Uid } from "@keyferry/contracts";
import { DELETED_TOKEN, seenToken } from "../apply/adoption.ts";
import { VERSION_PAGES_MAX } from "../apply/limits.ts";
import { judgeTags, judgeVersions, type Ownership } from "../apply/ownership.ts";
import type { SinkDependencies, VaultWriter } from "../ports.ts";

export type LookDependencies = Pick<
  SinkDependencies,
  "commands" | "results" | "destinations" | "associations" | "identity" | "memory" | "source" | "hints"
>;

/** What a look goes by: one vault, its rate, and until when. */
export interface Looker {
  readonly vault: VaultWriter;
  readonly deps: LookDependencies;
  readonly signal: AbortSignal;
  /** One paced call. */
  readonly paced: <T>(call: (signal: AbortSignal) => Promise<T>) => Promise<T>;
}

/** One name: its versions, and if there are none what was deleted under it. */
export async function lookAtName(
  looker: Looker,
  name: string,
  association: Uid | undefined,
  secretKey = "",
): Promise<SeenName> {
  const { vault, deps, paced } = looker;
  const { versions } = await paced((signal) => vault.versions(name, { signal, pagesMax: VERSION_PAGES_MAX }));
  const { instanceId, tagKeys } = deps.identity;
  const placement = { instanceId, vaultHost: vault.vaultHost, lowerName: name.toLowerCase() };
  const claimant = { association: association ?? "", secretKey, placement, tagKeys };
  if (versions.length === 0) {
    const deleted = await paced((signal) => vault.deleted(name, { signal }));
    if (deleted.kind === "absent") return { name, there: "absent", ...told({ kind: "free" }) };
    const ownership = await settled(judgeTags(deleted.tags, claimant), deps);
    const tags = Object.keys(deleted.tags);
    return { name, there: "deleted", ...told(ownership), token: DELETED_TOKEN, tags };
  }
  const ownership = await settled(judgeVersions(versions, undefined, claimant), deps);
  const [newest, second] = versions.toSorted((a, b) => b.createdOn - a.createdOn);
  const isClear = newest !== undefined && newest.createdOn !== second?.createdOn;
  return {
    name,
    there: "present",
    ...told(ownership),
    token: seenToken(versions),
    ...(newest === undefined ? {} : { createdOn: newest.createdOn, enabled: newest.enabled }),
    ...(newest?.contentType === undefined ? {} : { contentType: newest.contentType }),
    ...(isClear ? { version: newest.version } : {}),
    tags: Object.keys(newest?.tags ?? {}),
    hasDate: newest?.notBefore !== undefined || newest?.expires !== undefined,
  };
}

/** The same, but what an association of ours left that is gone for good counts as ours (O4). */
export async function settled(ownership: Ownership, { associations }: LookDependencies): Promise<Ownership> {
  if (ownership.kind !== "sibling") return ownership;
  return (await associations.isKnown(ownership.association)) ? ownership : { kind: "ours" };
}

/** Whose it is, as the answer says it. */
export function told(ownership: Ownership): Pick<SeenName, "mark" | "whose"> {
  switch (ownership.kind) {
    case "free":
      return { mark: "free", whose: "nobody" };
    case "ours":
    case "released":
      return { mark: "ours", whose: "this association" };
    case "sibling":
      return { mark: "sibling", whose: `association ${ownership.association} of this instance` };
    case "foreign":
      return { mark: ownership.mark, whose: ownership.whose };
  }
}
