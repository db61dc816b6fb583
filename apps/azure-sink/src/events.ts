import type { DriftReport, Intent, Lane, Outcome, SyncCommand } from "@keyferry/contracts";
import type { Logger } from "@keyferry/ports";
import type { LateFinding } from "./apply/judge-late.ts";
import type { SinkMetrics } from "./metrics.ts";

/** What happens in the sink that a person or a graph may ask about: one function per event. */
export interface SinkEvents {
  externalSecretPut(event: { command: SyncCommand; name: string; version: number; nowMs: number }): void;
  externalSecretPatched(event: { command: SyncCommand; name: string }): void;
  externalSecretDeleted(event: { command: SyncCommand; name: string }): void;
  /** Disabled, or released and left there. */
  externalSecretLetGo(event: {
    command: SyncCommand;
    name: string;
    how: "disable" | "release";
    versions: number;
  }): void;
  externalSecretRecovered(event: { command: SyncCommand; name: string }): void;
  /** A name that we were to delete holds somebody else's secret now; it was left alone. */
  foreignNameLeft(event: { command: SyncCommand; name: string; whose: string }): void;
  /** A name collects so many versions that Key Vault's backup will fail. */
  manyVersions(event: { command: SyncCommand; name: string; versions: number }): void;
  /** The end of an attempt that nobody had recorded was found out. */
  intentFinished(event: { action: Intent["action"]; landed: boolean }): void;
  /** A write that counted as not landed did so after all; it is repaired now. */
  lateWrite(event: {
    command: SyncCommand;
    name: string;
    action: Intent["action"];
    finding: LateFinding["kind"];
  }): void;
  /** A person had approved it. */
  orphanCollected(event: { destination: string; name: string }): void;
  /** A look at a whole vault has ended. */
  driftChecked(event: { report: DriftReport }): void;
  /** A command was consumed, `waitedMs` after its publication. */
  commandConsumed(event: { lane: Lane; waitedMs: number }): void;
  outcome(event: { command: SyncCommand; outcome: Outcome; nowMs: number }): void;
  repeatDropped(event: { command: SyncCommand }): void;
  superseded(event: { command: SyncCommand }): void;
  externalSecretPurged(event: { command: SyncCommand; name: string }): void;
  /** The destination asks for a purge that Key Vault does not allow; the secret stays soft-deleted. */
  purgeRefused(event: { command: SyncCommand; name: string; why: "protected" | "denied" }): void;
}

/** Events as log lines with full fields and as metrics with few labels. */
export function createSinkEvents(logger: Logger, metrics: SinkMetrics): SinkEvents {
  const wrote = (action: string, command: SyncCommand, fields: Record<string, unknown>): void => {
    metrics.writes.add({ action });
    logger.info(
      { destination: command.destination, key: command.secretKey, ...fields },
      `external secret ${action}`,
    );
  };
  return {
    externalSecretPut({ command, name, version, nowMs }) {
      const latencyMs = command.committedAt === undefined ? undefined : nowMs - command.committedAt;
      if (latencyMs !== undefined) metrics.latency.observe({}, latencyMs / 1_000);
      wrote("put", command, { name, version, latencyMs });
    },
    externalSecretPatched: ({ command, name }) => wrote("patch", command, { name }),
    externalSecretDeleted: ({ command, name }) => wrote("delete", command, { name }),
    externalSecretLetGo: ({ command, name, how, versions }) => wrote(how, command, { name, versions }),
    externalSecretRecovered: ({ command, name }) => wrote("recover", command, { name }),
    foreignNameLeft({ command, name, whose }) {
      const { destination, secretKey: key } = command;
      logger.warn(
        { destination, key, name, whose },
        "a name that was to be deleted is not ours any more; left alone",
      );
    },
    manyVersions({ command, name, versions }) {
      const { destination, secretKey: key } = command;
      logger.warn(
        { destination, key, name, versions },
        "an external secret has so many versions that Key Vault's backup fails beyond 500",
      );
    },
    intentFinished({ action, landed }) {
      metrics.unfinished.add({ landed: String(landed) });
      logger.info({ action, landed }, "an unfinished attempt was looked up");
    },
    lateWrite({ command, name, action, finding }) {
      metrics.lateWrites.add({ action });
      const { destination, secretKey: key } = command;
      logger.warn({ destination, key, name, action, finding }, "a write landed late; repairing");
    },
    orphanCollected({ destination, name }) {
      metrics.writes.add({ action: "delete" });
      logger.info({ destination, name }, "an orphan was deleted, as a person had approved");
    },
    driftChecked({ report }) {
      const { destination, listed, owned, counts, onlyReported, failure, findings } = report;
      const end = failure !== null ? "failed" : onlyReported !== null ? "only-reported" : "done";
      metrics.driftChecks.add({ end });
      for (const { kind, action } of findings) metrics.driftFindings.add({ kind, action });
      const fields = { destination, listed, owned, counts, end, onlyReported, failure };
      if (findings.length > 0 || failure !== null) logger.warn(fields, "drift was looked for");
      else logger.info(fields, "drift was looked for");
    },
    commandConsumed: ({ lane, waitedMs }) => metrics.commandAge.observe({ lane }, waitedMs / 1_000),
    outcome({ command, outcome }) {
      metrics.outcomes.add({ outcome: outcome.kind });
      const { destination, secretKey: key, op, reason } = command;
      const fields = { destination, key, op, reason, outcome: outcome.kind };
      if (outcome.kind === "synced" || outcome.kind === "unsynced") {
        logger.info(fields, "outcome");
        return;
      }
      const { code, message, advice } = outcome.error;
      metrics.failures.add({ code });
      logger.warn({ ...fields, code, why: message, advice }, "outcome");
    },
    repeatDropped({ command }) {
      metrics.repeats.add({ why: "consumed" });
      logger.debug({ destination: command.destination, key: command.secretKey }, "repeat dropped");
    },
    externalSecretPurged: ({ command, name }) => wrote("purge", command, { name }),
    purgeRefused({ command, name, why }) {
      const { destination, secretKey: key } = command;
      logger.warn(
        { destination, key, name, why },
        why === "protected"
          ? "not purged: the Key Vault has purge protection, so the deleted secret stays until its retention ends"
          : "not purged: the destination's identity may not purge; it needs Microsoft.KeyVault/vaults/secrets/purge/action",
      );
    },
    superseded({ command }) {
      metrics.repeats.add({ why: "superseded" });
      logger.debug(
        { destination: command.destination, key: command.secretKey },
        "superseded by a newer command",
      );
    },
  };
}
