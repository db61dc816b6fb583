// Owns: what lies under the names that one command wishes, and whether it holds the wished value already.
import type { SeenName, SyncCommand, Uid } from "@keyferry/contracts";
import { KeyferryError, toKeyferryError } from "@keyferry/errors";
import { readValue } from "../apply/put-name.ts";
import type { OpenDestination } from "../ports.ts";
import { resolveWish } from "../wish/resolve-wish.ts";
import type { Wish, WishedName } from "../wish/wish.ts";
import { lookAtName, type Looker } from "./look-at-name.ts";

type PresentWish = Extract<Wish, { kind: "present" }>;

/** @throws KeyferryError where there is nothing to look at, or the source or the vault does not answer */
export async function lookAtPair(
  looker: Looker,
  destination: OpenDestination,
  secretKey: SyncCommand["secretKey"],
  compare: boolean,
): Promise<readonly SeenName[]> {
  const { deps, signal } = looker;
  const uid: Uid = destination.record.uid;
  const last = await deps.commands.last(uid, secretKey);
  if (last === undefined) throw new KeyferryError("not-found", "Nothing was ordered for it");
  const command = last.value;
  const { source = deps.source } = destination;
  const resolved = await resolveWish(command, destination, { source, hints: deps.hints }, signal);
  if (resolved.kind === "behind") {
    throw new KeyferryError("source-behind", "The source shows another state than was ordered for");
  }
  const { wish } = resolved;
  if (wish.kind === "absent") return [];
  const seen: SeenName[] = [];
  for (const wished of wish.names) {
    const found = await lookAtName(looker, wished.name, command.association, secretKey);
    const named = {
      ...found,
      secretKey,
      ...(wished.subKey === undefined ? {} : { subKey: wished.subKey }),
    };
    seen.push(
      compare ? { ...named, ...(await compared(looker, { command, source, wish, wished, found })) } : named,
    );
  }
  return seen;
}

interface Comparing {
  readonly command: SyncCommand;
  readonly source: Looker["deps"]["source"];
  readonly wish: PresentWish;
  readonly wished: WishedName;
  readonly found: SeenName;
}

// Only what may be taken over is compared: of anybody else's secret not even this much is told.
async function compared(
  { vault, paced, signal }: Looker,
  { command, source, wish, wished, found }: Comparing,
): Promise<Pick<SeenName, "value" | "comparedWith">> {
  if (found.there !== "present" || found.mark !== "none") return {};
  const { version } = found;
  if (version === undefined || found.enabled === false) return { value: "unknown" };
  try {
    const value = await readValue({ command, signal, deps: { source } }, wish, wished);
    if (value === undefined) return { value: "unknown" };
    const verdict = await paced((aborting) =>
      vault.compare(wished.name, version, value, { signal: aborting }),
    );
    const { incarnation, version: number, versionCreatedTime } = wish;
    return {
      value: verdict,
      comparedWith: {
        incarnation,
        version: number,
        ...(versionCreatedTime === undefined ? {} : { versionCreatedTime }),
      },
    };
  } catch (thrown) {
    // The role may look and not read: that is no reason to show nothing.
    if (["vault-denied", "source-denied", "value-unusable"].includes(toKeyferryError(thrown).code)) {
      return { value: "unknown" };
    }
    throw thrown;
  }
}
