export { Bucket, type BucketMessage } from "./bucket.ts";
export { type Bus, type BusOptions, type BusStatus, connectBus } from "./bus.ts";
export type { Consumption, ConsumeOptions, Decision, HandlerContext } from "./consume.ts";
export { DeadLetters, type StoredLetter } from "./dead-letters.ts";
export { HintChannel } from "./hints.ts";
export type { HistoryRange, Past, StreamExtent } from "./history.ts";
export type { ServerFacts } from "./link.ts";
export { ConnectionChecks } from "./connection-checks.ts";
export type { SinkQuestions } from "./sink-questions.ts";
export { PresenceChannel } from "./presence.ts";
export { BUCKET_DURABLES } from "./provision.ts";
export { type ConfirmEnd, confirmSourceChange, type ConfirmWish } from "./source-confirmations.ts";
export {
  approvalKey,
  associationKey,
  bucketSubject,
  destinationKey,
  detectorLeaseKey,
  driftReportKey,
  driftRequestKey,
  operationKey,
  pairKey,
  PAUSES_KEY,
  retiredDestinationKey,
  sourceConfirmationKey,
  sourceReportKey,
} from "./subjects.ts";
export type { Entry, PublishResult } from "./table.ts";
export {
  type CommandMessage,
  CommandTable,
  EventLog,
  type EventMessage,
  type Handler,
  type LanedCommand,
  type ResultMessage,
  ResultTable,
} from "./tables.ts";
export type { View } from "./view.ts";
