import { toKeyferryError } from "@keyferry/errors";
import type { SecretVersion } from "@keyferry/key-vault";
import { foreignTags, newOpId, releasedTags } from "@keyferry/naming";
import type { Lock } from "@keyferry/state";
import type { LetGo } from "../plan/plan.ts";
import { endName, type NameEnd, openIntent } from "../record/record.ts";
import type { LoadedRecord } from "../record/record-store.ts";
import {
  type Attempt,
  deadlineSignal,
  endsUnclearly,
  type Grant,
  type NameResult,
  pacedRead,
  underLock,
} from "./attempt.ts";
import { judgeEach } from "./claim.ts";
import { LET_GO_PAGES_MAX, WRITE_DEADLINE_MS } from "./limits.ts";
import { conflictError, holdsLongEnough, lockLost, refusedOrWaiting } from "./put-name.ts";

type Action = LetGo & { readonly kind: "disable" | "release" };

/**
 * Disables an external secret of ours, or releases it: on every version of ours, as PATCH acts on one and the older
 * ones stay readable by id (hazard disable-one-version), and as one version with our mark would keep the name ours
 * (hazard retained-still-ours). Versions of others are left alone. Repeatable at any point.
 */
export async function letGoOfName(
  attempt: Attempt,
  action: Action,
  loaded: LoadedRecord,
): Promise<NameResult> {
  const { command, deps, fence } = attempt;
  const { name, lower, kind } = action;
  return underLock(attempt, lower, "other", async (lock, grant) => {
    const ended = (from: LoadedRecord, end: NameEnd): LoadedRecord => ({
      ...from,
      record: endName(from.record, name, end),
    });
    const look = await lookForOurs(attempt, action, loaded, grant);
    if (look.kind !== "ours") {
      if (look.kind === "foreign") deps.events.foreignNameLeft({ command, name, whose: "foreign" });
      return { kind: "done", wrote: false, loaded: ended(loaded, { kind: "absent" }) };
    }
    const over: NameEnd = kind === "disable" ? { kind: "disabled" } : { kind: "released" };
    if (look.versions.length === 0) return { kind: "done", wrote: false, loaded: ended(loaded, over) };
    const intent = { opId: newOpId(deps.random), action: kind, fence, deadlineMs: WRITE_DEADLINE_MS };
    const opened = await attempt.store.append(
      openIntent(loaded.record, name, intent, deps.clock.now()),
      loaded.sequence,
      command.epoch,
    );
    if (opened === undefined) return { kind: "replan" };
    const partly = (): LoadedRecord => ended(opened, { kind: "uncertain" });
    try {
      for (const version of look.versions) {
        const result = await patchVersion(attempt, action, version, { lock, grant });
        if (result === "lock-lost") return { kind: "waiting", loaded: partly(), error: lockLost() };
        if (result.kind !== "conflict") continue;
        return { kind: "waiting", loaded: partly(), error: conflictError(name, result.reason) };
      }
      deps.events.externalSecretLetGo({ command, name, how: kind, versions: look.versions.length });
      return { kind: "done", wrote: true, loaded: ended(opened, over) };
    } catch (thrown) {
      const error = toKeyferryError(thrown);
      if (endsUnclearly(error)) return { kind: "waiting", loaded: opened, error, waitMs: WRITE_DEADLINE_MS };
      return refusedOrWaiting(error, partly());
    }
  });
}

type Look =
  | { readonly kind: "absent" | "foreign" }
  /** The versions on which there is something to do. */
  | { readonly kind: "ours"; readonly versions: readonly SecretVersion[] };

/** What of ours lies under a name that is to be let go of. */
export async function lookForOurs(
  attempt: Attempt,
  action: LetGo,
  loaded: LoadedRecord,
  grant: Grant,
): Promise<Look> {
  const { vault } = attempt.destination;
  const { versions } = await pacedRead(
    attempt,
    (signal) => vault.versions(action.name, { signal, pagesMax: LET_GO_PAGES_MAX }),
    grant,
  );
  if (versions.length === 0) return { kind: "absent" };
  const recorded = loaded.record.names[action.lower]?.applied?.keyVaultVersion;
  const judged = await judgeEach(attempt, action.name, versions);
  const ours = judged.filter(
    ({ version, ownership }) =>
      !version.managed && (ownership.kind === "ours" || version.version === recorded),
  );
  // Somebody else's association has versions here too: the name is theirs now, and what is ours in it is history.
  const isShared = judged.some(({ ownership }) => ownership.kind === "sibling");
  if (ours.length === 0 || isShared) return { kind: "foreign" };
  const left = ours.filter(({ version, ownership }) =>
    action.kind === "disable" ? version.enabled : ownership.kind === "ours",
  );
  return { kind: "ours", versions: left.map(({ version }) => version) };
}

async function patchVersion(
  attempt: Attempt,
  { kind, name, lower }: Action,
  { version, tags }: SecretVersion,
  { lock, grant }: { lock: Lock; grant: Grant },
) {
  const { vault } = attempt.destination;
  const change = kind === "disable" ? { enabled: false } : { tags: tagsAfterRelease(attempt, lower, tags) };
  if (!(await holdsLongEnough(attempt, lock))) return "lock-lost" as const;
  const send = (signal: AbortSignal) => vault.patch(name, version, change, { signal });
  if (!grant.isUsed) return grant.use(() => send(deadlineSignal(attempt.signal)));
  return pacedRead(attempt, async (signal) =>
    // The wait for a permit took of the lock's time.
    (await holdsLongEnough(attempt, lock)) ? send(signal) : ("lock-lost" as const),
  );
}

function tagsAfterRelease(
  { command, deps, destination }: Attempt,
  lowerName: string,
  tags: Readonly<Record<string, string>>,
): Record<string, string> {
  const { instanceId, tagKeys } = deps.identity;
  const { vaultHost } = destination.vault;
  const mark = { instanceId, vaultHost, lowerName, secretKey: command.secretKey };
  return { ...foreignTags(tags), ...releasedTags(mark, tagKeys) };
}
