/** A deliberate mistake in the services: one text of one file, replaced as it is loaded. */
export interface Mutation {
  readonly name: string;
  /** How the file's address ends. */
  readonly file: string;
  readonly replace: string;
  readonly by: string;
  /** What it takes away. */
  readonly what: string;
  /** What the runs are about in which it is looked for; absent: each seed's own profile. */
  readonly aim?: string;
  /** The first seed that finds it; or a hazard's scenario, where seeds have too few secrets for it. */
  readonly foundBy: number | { readonly hazard: string };
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: "drop-cas",
    file: "/packages/bus/src/table.ts",
    replace: "lastSubjectSequence: cas.expected,",
    by: "",
    what: "writes to tables without a compare-and-set",
    foundBy: 2,
  },
  {
    name: "trust-a-single-404",
    aim: "standbys",
    foundBy: 18,
    file: "/apps/change-detector/src/diff/diff.ts",
    replace: "const why = confirmed ? undefined : regressionOf(known, seen);",
    by: "const why = undefined;",
    what: "believes a regression or a 404 at once, without a second read",
  },
  {
    name: "no-intent",
    file: "/apps/azure-sink/src/apply/put-name.ts",
    replace: `const opened = await attempt.store.append(
      openIntent(loaded.record, name, intent, attempt.deps.clock.now(), subKey),
      loaded.sequence,
      attempt.command.epoch,
    );`,
    by: `const opened = { record: openIntent(loaded.record, name, intent, attempt.deps.clock.now(), subKey), sequence: loaded.sequence };`,
    what: "writes to the vault without an intent",
    foundBy: 1,
  },
  {
    name: "record-before-write",
    file: "/apps/azure-sink/src/apply/put-name.ts",
    replace: `    const result = await grant.use(() =>
      destination.vault.put(`,
    by: `    await attempt.store.append(
      endName(opened.record, name, {
        kind: "applied",
        applied: {
          fence: attempt.fence,
          incarnation: wish.incarnation,
          version: wish.version,
          keyVaultVersion: opId,
          digest,
          tagsDigest: wish.tagsDigest,
          at: new Date(deps.clock.now()).toISOString(),
        },
      }),
      opened.sequence,
      attempt.command.epoch,
    );
    const result = await grant.use(() =>
      destination.vault.put(`,
    what: "records a write as done before it is sent",
    foundBy: 1,
  },
  {
    name: "delete-without-a-look",
    aim: "foreigners",
    foundBy: 1,
    file: "/apps/azure-sink/src/apply/delete-name.ts",
    replace: "const ownership = await lookBeforeDelete(attempt, name, loaded.record.names[lower], grant);",
    by: 'const ownership = { kind: "ours" };',
    what: "deletes without looking whose the secret is",
  },
  {
    name: "put-without-a-look",
    aim: "foreigners",
    foundBy: 1,
    file: "/apps/azure-sink/src/apply/put-name.ts",
    replace: "if (action.look) {",
    by: "if (false) {",
    what: "claims a name without looking at it",
  },
  {
    name: "ignore-the-permit",
    aim: "deletes",
    foundBy: 1,
    file: "/apps/azure-sink/src/apply/sync-one.ts",
    replace: "if (command.permit !== null) return true;",
    by: "return true;",
    what: "deletes without a permit",
  },
  {
    name: "value-in-the-log",
    file: "/apps/azure-sink/src/apply/put-name.ts",
    replace: "const { tags, digest } = tagsOf(attempt, wish, wished, value, opId);",
    by: "const { tags, digest } = tagsOf(attempt, wish, wished, value, opId); deps.logger.info({ value: value.reveal() }, name);",
    what: "logs what it writes",
    foundBy: 1,
  },
  {
    name: "recover-without-a-look",
    file: "/apps/azure-sink/src/apply/recover-name.ts",
    replace: "if (refusal !== undefined) {",
    by: "if (false) {",
    what: "recovers a soft-deleted secret without looking whose it is",
    aim: "foreigners",
    foundBy: 1,
  },
  {
    name: "another-cluster-is-believed",
    file: "/apps/change-detector/src/observe/watched-mounts.ts",
    replace: "return from === undefined || from === to ? undefined :",
    by: "return true ? undefined :",
    what: "takes another cluster at the source's address for the source",
    aim: "standbys",
    foundBy: 1,
  },
  {
    name: "every-delete-is-permitted",
    file: "/apps/association-service/src/permits/permits.ts",
    replace: 'if (spending.kind === "refused") {',
    by: 'if (spending.kind === "refused") { return { by: "budget", fingerprint: claim.fingerprint };',
    what: "gives leave to delete beyond the budget",
    aim: "deletes",
    foundBy: 1,
  },
  {
    name: "put-again-after-a-lost-answer",
    file: "/apps/azure-sink/src/apply/finish-intent.ts",
    replace: "const landed = await whatLanded(attempt, grant, name, intent);",
    by: "const landed = undefined;",
    what: "does not look for what an unclear write has left",
    aim: "late-writes",
    foundBy: 1,
  },
  {
    name: "no-second-look",
    file: "/apps/azure-sink/src/record/late-checks.ts",
    replace: "return (record.verify ?? []).filter(({ at }) => at.some((timeMs) => timeMs <= nowMs));",
    by: "return [];",
    what: "never looks again for a write that may land late",
    aim: "late-writes",
    foundBy: 3,
  },
  {
    name: "one-epoch-for-ever",
    file: "/apps/association-service/src/epoch/next-epoch.ts",
    replace: "if (why === undefined) return",
    by: "if (true) return",
    what: "keeps the epoch though a stream lost its tail",
    aim: "lost-tails",
    foundBy: 9,
  },
  {
    name: "lost-is-pending",
    file: "/apps/association-service/src/settle/settle.ts",
    replace: "if (!consumed) return judgePending(last, facts);",
    by: 'if (!consumed) return leave("pending");',
    what: "takes a command whose outcome was lost for one that is under way",
    aim: "lost-tails",
    foundBy: 3,
  },
  {
    name: "versions-by-number",
    file: "/apps/azure-sink/src/plan/plan.ts",
    replace: "return isSameVersionTime(versionCreatedTime, wish.versionCreatedTime);",
    by: "return true;",
    what: "takes a version number that a restored source gave again for the same version",
    aim: "restores",
    foundBy: 9,
  },
  {
    name: "values-by-number",
    file: "/apps/azure-sink/src/apply/put-name.ts",
    replace: "versionCreatedTime !== undefined && !isSameVersionTime(read.createdTime, versionCreatedTime)",
    by: "false",
    what: "takes a value of an earlier incarnation for the one under the same number",
    aim: "restores",
    foundBy: 18,
  },
  {
    name: "faster-than-the-ceiling",
    file: "/packages/state/src/pacing/pacing.ts",
    replace: "create: { perSecond: 28.5, burst: 5 },",
    by: "create: { perSecond: 45, burst: 60 },",
    what: "paces creates above what Key Vault takes",
    foundBy: { hazard: "jitter-at-the-ceiling" },
  },
];
