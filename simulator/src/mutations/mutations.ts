/** A deliberate mistake in the services: one text of one file, replaced as it is loaded. */
export interface Mutation {
  readonly name: string;
  /** How the file's address ends. */
  readonly file: string;
  readonly replace: string;
  readonly by: string;
  /** What it takes away. */
  readonly what: string;
  /** A seed that is known to find it; absent: none has yet, see docs/simulator.md. */
  readonly foundBy?: number;
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
    name: "ignore-fences",
    file: "/packages/contracts/src/fence.ts",
    replace: "return a.epoch === b.epoch ? a.sequence - b.sequence : a.epoch - b.epoch;",
    by: "return a.sequence === b.sequence ? 0 : -1;",
    what: "takes every command for a newer one",
  },
  {
    name: "skip-the-check-under-the-lock",
    file: "/apps/azure-sink/src/apply/attempt.ts",
    replace: "return last === undefined || last.sequence <= fence.sequence;",
    by: "return true || last === undefined;",
    what: "does not look under the lock whether the command is still the last of its key",
  },
  {
    name: "delete-without-a-look",
    file: "/apps/azure-sink/src/apply/delete-name.ts",
    replace: "const ownership = await lookBeforeDelete(attempt, name, loaded.record.names[lower], grant);",
    by: 'const ownership = { kind: "ours" };',
    what: "deletes without looking whose the secret is",
  },
  {
    name: "put-without-a-look",
    file: "/apps/azure-sink/src/apply/put-name.ts",
    replace: "if (action.look) {",
    by: "if (false) {",
    what: "claims a name without looking at it",
  },
  {
    name: "ignore-the-permit",
    file: "/apps/azure-sink/src/apply/sync-one.ts",
    replace: "if (command.permit !== null) return true;",
    by: "return true;",
    what: "deletes without a permit",
  },
  {
    name: "unsync-without-a-match",
    file: "/apps/azure-sink/src/wish/wish.ts",
    replace:
      'return fingerprint === expect.fingerprint ? { kind: "act", version: undefined } : { kind: "behind" };',
    by: 'return { kind: "act", version: undefined };',
    what: "lets an old unsync delete a secret that has come back",
  },
  {
    name: "old-observations",
    file: "/apps/change-detector/src/publish/publish.ts",
    replace: 'if (known !== undefined && known.tick > observation.tick) return { kind: "overtaken" };',
    by: "",
    what: "publishes an observation that began before the last one",
  },
  {
    name: "do-not-wait-for-the-deadline",
    file: "/apps/azure-sink/src/apply/finish-intent.ts",
    replace: "if (landed === undefined && left > 0) {",
    by: "if (false) {",
    what: "takes an unfinished write for one that never happened",
  },
  {
    name: "forget-what-was-acked",
    file: "/apps/azure-sink/src/consume/handle-command.ts",
    replace:
      "const end = await syncOne({ command, fence, lane, isWoken: false, deliveryCount, signal }, store, deps);",
    by: 'void syncOne({ command, fence, lane, isWoken: false, deliveryCount, signal }, store, deps).catch(() => undefined); const end = { kind: "consumed" };',
    what: "acknowledges a command before its outcome is recorded",
  },
  {
    name: "value-in-the-log",
    file: "/apps/azure-sink/src/apply/put-name.ts",
    replace: "const { tags, digest } = tagsOf(attempt, wish, wished, value, opId);",
    by: "const { tags, digest } = tagsOf(attempt, wish, wished, value, opId); deps.logger.info({ value: value.reveal() }, name);",
    what: "logs what it writes",
    foundBy: 1,
  },
];
