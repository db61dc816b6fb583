export { Bucket, type BucketMessage } from "./bucket.ts";
export { type Bus, type BusOptions, type BusStatus, connectBus } from "./bus.ts";
export type { Consumption, ConsumeOptions, Decision, HandlerContext } from "./consume.ts";
export { HintChannel } from "./hints.ts";
export { BUCKET_DURABLES } from "./provision.ts";
export {
  approvalKey,
  associationKey,
  destinationKey,
  detectorLeaseKey,
  driftReportKey,
  driftRequestKey,
  operationKey,
  pairKey,
  PAUSES_KEY,
  retiredDestinationKey,
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
