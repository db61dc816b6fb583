// Owns: what the detector tells, one function per event: a log line with full fields and metrics with few labels. Paths
// are sensitive and stay out; the key `<k>` names a secret, the mount says where to look.
import type { HeldReason, Hint, SecretKey, VersionEvent } from "@keyferry/contracts";
import type { KeyferryError } from "@keyferry/errors";
import type { Clock, Logger } from "@keyferry/ports";
import type { DetectorMetrics } from "./metrics.ts";

export interface DetectorEvents {
  published(e: {
    key: SecretKey;
    event: VersionEvent;
    sequence: number;
    committedAt: number | undefined;
  }): void;
  /** A compare-and-set was lost. */
  overtaken(e: { key: SecretKey }): void;
  hintReceived(e: { channel: Hint["channel"] }): void;
  /** Hints may have been missed: a sweep follows. */
  hintGap(e: { channel: Hint["channel"] | "bus" | "queue"; why: string }): void;
  auditFile(e: { state: "following" | "waiting"; path: string }): void;
  /** `refused`: only a person changes that. */
  eventStream(e: { state: "following" | "waiting" | "refused"; why: string }): void;
  /** Something was seen that a person has to settle; nothing was published. */
  held(e: { mount: string; why: HeldReason }): void;
  lookFailed(e: { mount: string; error: KeyferryError; attempt: number }): void;
  memoryLoading(e: { index: number; total: number }): void;
  memoryLoaded(e: { secrets: number; tookMs: number }): void;
  memoryFailed(e: { error: KeyferryError }): void;
  secretsKnown(e: { secrets: number }): void;
  sweepStarted(e: { why: string; mounts: number }): void;
  sweepProgress(e: { mount: string; seen: number; published: number }): void;
  mountSwept(e: { mount: string; seen: number; published: number; doubts: number; tookMs: number }): void;
  sweepFinished(e: { why: string; mounts: number; failed: number; tookMs: number }): void;
  sweepFailed(e: { mount: string; error: KeyferryError }): void;
  standingBy(): void;
  /** It works from now on. `takenOver`: another one did before. */
  leaseTaken(e: { takenOver: boolean }): void;
  leaseLost(): void;
  leaseFailed(e: { error: KeyferryError }): void;
  /** What is held could not be told to the API; the next sweep tells it. */
  reportFailed(e: { error: KeyferryError }): void;
  /** A person has confirmed a change of the source. */
  sourceConfirmed(): void;
  waiting(e: { what: "source" | "bus"; error: KeyferryError }): void;
  back(e: { what: "source" | "bus" }): void;
}

// A mount that is held is met by every hint and every sweep; the log says so once in a while, the metric each time.
const HELD_LOG_MS = 60_000;
const PROGRESS_LOG_MS = 5_000;

const HELD_ADVICE: Readonly<Record<HeldReason, string>> = {
  "source-changed":
    "another cluster or another mount answers; restore the old one, or confirm that it takes the old one's place",
  "mount-missing": "nothing is mounted there; mount it again or remove its associations",
  "source-denied": "grant the detector's token the policy that the documentation prints",
  "not-watched": "changeDetector.mounts does not match this mount, or it is not KV version 2",
};

/** Logs to `logger` and counts in `metrics`. */
export function createDetectorEvents(logger: Logger, metrics: DetectorMetrics, clock: Clock): DetectorEvents {
  const isDue = every(clock);
  return {
    published({ key, event, sequence, committedAt }) {
      const now = clock.now();
      metrics.published.add({ via: event.via });
      const hintedMs = event.hintedAt === undefined ? undefined : now - event.hintedAt;
      const committedMs = committedAt === undefined ? undefined : now - committedAt;
      if (hintedMs !== undefined) metrics.hintToEvent.observe({}, hintedMs / 1_000);
      if (committedMs !== undefined) metrics.commitToEvent.observe({}, Math.max(0, committedMs) / 1_000);
      const changes = event.changes.map((change) => change.kind);
      const { via, secret } = event;
      logger.info(
        { key, mount: secret.mount, via, changes, sequence, hintedMs, committedMs },
        "version event published",
      );
    },
    overtaken({ key }) {
      metrics.overtaken.add({});
      logger.debug({ key }, "a newer event was published meanwhile; reading the source again");
    },
    hintReceived({ channel }) {
      metrics.hints.add({ channel });
      metrics.lastHint.set({ channel }, clock.now() / 1_000);
    },
    hintGap({ channel, why }) {
      metrics.gaps.add({ channel });
      if (isDue(`gap ${channel} ${why}`, HELD_LOG_MS)) {
        logger.warn({ channel, why }, "hints may have been missed; sweeping");
      }
    },
    auditFile({ state, path }) {
      logger.info(
        { path },
        state === "following" ? "following the audit file" : "waiting for the audit file",
      );
    },
    eventStream({ state, why }) {
      if (state === "following") logger.info({}, "following the event stream");
      else if (isDue(`events ${why}`, HELD_LOG_MS)) logger.warn({ state, why }, "no event stream");
    },
    held({ mount, why }) {
      metrics.held.add({ why });
      if (isDue(`held ${mount} ${why}`, HELD_LOG_MS)) {
        logger.warn({ mount, why, advice: HELD_ADVICE[why] }, "held: nothing was published");
      }
    },
    lookFailed({ mount, error, attempt }) {
      metrics.lookFailures.add({ code: error.code });
      logger.warn({ mount, attempt, error }, "a look at a secret failed");
    },
    memoryLoading({ index, total }) {
      if (isDue("memory", PROGRESS_LOG_MS)) logger.info({ index, total }, "loading the last events");
    },
    memoryLoaded({ secrets, tookMs }) {
      metrics.secretsKnown.set({}, secrets);
      logger.info({ secrets, tookMs }, "memory loaded");
    },
    memoryFailed({ error }) {
      logger.warn({ error }, "the last events can't be loaded; trying again");
    },
    secretsKnown({ secrets }) {
      metrics.secretsKnown.set({}, secrets);
    },
    sweepStarted: (fields) => logger.info(fields, "sweep started"),
    sweepProgress(fields) {
      if (isDue(`sweep ${fields.mount}`, PROGRESS_LOG_MS)) logger.info(fields, "sweeping");
    },
    mountSwept: (fields) => logger.debug(fields, "mount swept"),
    sweepFinished(fields) {
      metrics.sweepDuration.observe({}, fields.tookMs / 1_000);
      metrics.lastSweep.set({}, clock.now() / 1_000);
      logger.info(fields, "sweep finished");
    },
    sweepFailed({ mount, error }) {
      metrics.sweepFailures.add({ code: error.code });
      logger.warn({ mount, error }, "the sweep of a mount failed; trying again");
    },
    standingBy() {
      metrics.active.set({}, 0);
      logger.info({}, "standing by: another detector works for this source");
    },
    leaseTaken({ takenOver }) {
      metrics.active.set({}, 1);
      if (takenOver) metrics.takeOvers.add({});
      logger.info({ takenOver }, takenOver ? "taken over: this detector works now" : "this detector works");
    },
    leaseLost() {
      metrics.active.set({}, 0);
      logger.warn({}, "another detector has taken over");
    },
    leaseFailed({ error }) {
      if (isDue("lease", HELD_LOG_MS))
        logger.warn({ error }, "the lease can't be read or written; trying again");
    },
    reportFailed({ error }) {
      if (isDue("report", HELD_LOG_MS)) logger.warn({ error }, "what is held back can't be reported");
    },
    sourceConfirmed: () => logger.info({}, "a change of the source was confirmed; sweeping"),
    waiting({ what, error }) {
      metrics.waiting.set({ for: what }, 1);
      logger.warn({ what, error }, `waiting for the ${what}`);
    },
    back({ what }) {
      metrics.waiting.set({ for: what }, 0);
      logger.info({ what }, `the ${what} is back`);
    },
  };
}

const KEYS_MAX = 1_000; // more kinds of line than a source has mounts; beyond it, repetition is the lesser evil

/** Says whether a thing that repeats is due to be told again. */
function every(clock: Clock): (key: string, everyMs: number) => boolean {
  const last = new Map<string, number>();
  return (key, everyMs) => {
    const now = clock.now();
    const before = last.get(key);
    if (before !== undefined && now - before < everyMs) return false;
    if (last.size >= KEYS_MAX) last.clear();
    last.set(key, now);
    return true;
  };
}
