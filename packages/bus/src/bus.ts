import {
  type ApprovalRecord,
  approvalRecordSchema,
  associationRecordSchema,
  type AssociationRecord,
  deleteBudgetSchema,
  type DeleteBudget,
  destinationRecordSchema,
  type DestinationRecord,
  type DriftReport,
  driftReportSchema,
  type DriftRequest,
  driftRequestSchema,
  epochRecordSchema,
  type EpochRecord,
  instanceRecordSchema,
  type InstanceRecord,
  leaseRecordSchema,
  type LeaseRecord,
  type OperationRecord,
  operationRecordSchema,
  type PausesRecord,
  pausesRecordSchema,
  type RuleRecord,
  ruleRecordSchema,
  type SourceConfirmation,
  sourceConfirmationSchema,
  type SourceReport,
  sourceReportSchema,
  type VaultLookReply,
  vaultLookReplySchema,
  type VaultLookRequest,
  vaultLookRequestSchema,
} from "@keyferry/contracts";
import type { Clock } from "@keyferry/ports";
import { Bucket } from "./bucket.ts";
import { jsonCodec } from "./codec.ts";
import { ConnectionChecks } from "./connection-checks.ts";
import { DeadLetters } from "./dead-letters.ts";
import { HintChannel } from "./hints.ts";
import { Link, type LinkOptions, type ServerFacts } from "./link.ts";
import { PresenceChannel } from "./presence.ts";
import { isProvisioned, provision, renewResolverConsumers, streamInfo } from "./provision.ts";
import { SinkQuestions } from "./sink-questions.ts";
import {
  APPROVALS,
  DRIFT_REPORTS,
  DRIFT_REQUESTS,
  OPERATIONS,
  PAUSES,
  SOURCE_CONFIRMATIONS,
  SOURCE_REPORTS,
  VAULT_LOOK_SUBJECT,
} from "./subjects.ts";
import { CommandTable, EventLog, ResultTable } from "./tables.ts";
import { createWorkshop } from "./workshop.ts";

export interface BusOptions extends LinkOptions {
  /** Copies of each stream that provision() makes; 1 if absent. */
  readonly replicas?: number | undefined;
  readonly clock: Clock;
}

export interface BusStatus {
  readonly connected: boolean;
  readonly provisioned: boolean;
  /** What is being waited for, if anything. */
  readonly why?: string;
}

/** All of NATS, as the services see it. */
export interface Bus extends AsyncDisposable {
  readonly events: EventLog;
  readonly commands: CommandTable;
  readonly results: ResultTable;
  readonly hints: HintChannel;
  readonly deadLetters: DeadLetters;
  readonly presence: PresenceChannel;
  readonly connectionChecks: ConnectionChecks;
  readonly vaultLooks: SinkQuestions<VaultLookRequest, VaultLookReply>;
  readonly destinations: Bucket<DestinationRecord>;
  readonly associations: Bucket<AssociationRecord>;
  /** Bucket `rules`, by the rule's uid. */
  readonly rules: Bucket<RuleRecord>;
  /** Bucket `operations`, key `PAUSES_KEY`. */
  readonly pauses: Bucket<PausesRecord>;
  /** Bucket `operations`, keys by `driftRequestKey`. */
  readonly driftRequests: Bucket<DriftRequest>;
  /** Bucket `operations`, keys by `driftReportKey`. */
  readonly driftReports: Bucket<DriftReport>;
  /** Bucket `operations`, keys by `operationKey`. */
  readonly operations: Bucket<OperationRecord>;
  /** Bucket `operations`, keys by `approvalKey`. */
  readonly approvals: Bucket<ApprovalRecord>;
  /** Bucket `operations`, keys by `sourceConfirmationKey`; written by `confirmSourceChange`. */
  readonly sourceConfirmations: Bucket<SourceConfirmation>;
  /** Bucket `operations`, keys by `sourceReportKey`. */
  readonly sourceReports: Bucket<SourceReport>;
  /** Bucket `config`, key "instance". */
  readonly instance: Bucket<InstanceRecord>;
  /** Bucket `config`, key "epoch". */
  readonly epochs: Bucket<EpochRecord>;
  /** Bucket `config`, keys "budget.<destination uid>". */
  readonly budgets: Bucket<DeleteBudget>;
  /** Bucket `leases`, keys by `detectorLeaseKey`. */
  readonly leases: Bucket<LeaseRecord>;
  /** Makes or updates streams, buckets and the resolvers' durables. The association-service alone calls it. */
  provision(): Promise<void>;
  /** Makes the resolvers' durables anew, after streams were made anew or restored (O3). Whoever consumes goes on by itself. */
  renewConsumers(): Promise<void>;
  /** Resolves when connected and provisioned; logs what it waits for. Throws `bus-too-old`, or when aborted. */
  ready(signal: AbortSignal): Promise<void>;
  status(): BusStatus;
  streamInfo(): Promise<Record<string, { created: string; lastSequence: number }>>;
  /** The server that answers at the moment; undefined while none does. */
  server(): ServerFacts | undefined;
  close(): Promise<void>;
}

const READY_POLL_MS = 500;

/** Opens the bus. Resolves at once: it connects, and reconnects for ever, in the background. */
export async function connectBus(options: BusOptions): Promise<Bus> {
  const { logger, clock, random, servers } = options;
  const link = new Link(options);
  let provisioned = false;
  const workshop = createWorkshop({
    link,
    logger,
    clock,
    random,
    service: options.name,
    publishDeadLetter: (letter, destination, key) => deadLetters.publish(letter, destination, key),
  });
  const deadLetters: DeadLetters = new DeadLetters(workshop);
  const bus: Bus = {
    events: new EventLog(workshop),
    commands: new CommandTable(workshop),
    results: new ResultTable(workshop),
    hints: new HintChannel(link, logger),
    deadLetters,
    presence: new PresenceChannel(link, logger),
    connectionChecks: new ConnectionChecks(link, logger),
    vaultLooks: new SinkQuestions(link, logger, {
      subject: VAULT_LOOK_SUBJECT,
      question: jsonCodec(vaultLookRequestSchema),
      answer: jsonCodec(vaultLookReplySchema),
    }),
    destinations: new Bucket(workshop, "destinations", jsonCodec(destinationRecordSchema)),
    associations: new Bucket(workshop, "associations", jsonCodec(associationRecordSchema)),
    rules: new Bucket(workshop, "rules", jsonCodec(ruleRecordSchema)),
    pauses: new Bucket(workshop, "operations", jsonCodec(pausesRecordSchema), PAUSES),
    driftRequests: new Bucket(workshop, "operations", jsonCodec(driftRequestSchema), DRIFT_REQUESTS),
    driftReports: new Bucket(workshop, "operations", jsonCodec(driftReportSchema), DRIFT_REPORTS),
    operations: new Bucket(workshop, "operations", jsonCodec(operationRecordSchema), OPERATIONS),
    approvals: new Bucket(workshop, "operations", jsonCodec(approvalRecordSchema), APPROVALS),
    sourceConfirmations: new Bucket(
      workshop,
      "operations",
      jsonCodec(sourceConfirmationSchema),
      SOURCE_CONFIRMATIONS,
    ),
    sourceReports: new Bucket(workshop, "operations", jsonCodec(sourceReportSchema), SOURCE_REPORTS),
    instance: new Bucket(workshop, "config", jsonCodec(instanceRecordSchema)),
    epochs: new Bucket(workshop, "config", jsonCodec(epochRecordSchema)),
    budgets: new Bucket(workshop, "config", jsonCodec(deleteBudgetSchema)),
    leases: new Bucket(workshop, "leases", jsonCodec(leaseRecordSchema)),
    async provision() {
      await provision(link, { replicas: options.replicas ?? 1 });
      provisioned = true;
    },
    renewConsumers: () => renewResolverConsumers(link),
    async ready(signal) {
      for (let polls = 0; ; polls += 1) {
        signal.throwIfAborted();
        if (link.failure !== undefined) throw link.failure;
        if (link.online) {
          provisioned = await isProvisioned(link).catch(() => false);
          if (provisioned) return;
          if (polls % 20 === 0) logger.info({}, "waiting for the association-service to make the streams");
        }
        await clock.sleep(READY_POLL_MS, signal);
      }
    },
    status() {
      if (link.failure !== undefined) return { connected: false, provisioned, why: link.failure.message };
      if (!link.online)
        return { connected: false, provisioned, why: `NATS does not answer at ${servers.join(", ")}` };
      return provisioned
        ? { connected: true, provisioned }
        : { connected: true, provisioned, why: "the association-service has not made the streams yet" };
    },
    streamInfo: () => streamInfo(link),
    server: () => link.server,
    close: () => link.close(),
    [Symbol.asyncDispose]: () => link.close(),
  };
  return bus;
}
