export {
  createDetector,
  type Detector,
  type DetectorCondition,
  type DetectorOptions,
  type DetectorPorts,
} from "./detector.ts";
export { type ConfirmReason, diff, type KnownState, type Verdict } from "./diff/diff.ts";
export { createDetectorEvents, type DetectorEvents } from "./events.ts";
export { createDetectorMetrics, type DetectorMetrics } from "./metrics.ts";
export type {
  AssociatedMount,
  AssociatedMounts,
  Confirmations,
  EventLog,
  HintChannel,
  KeyOf,
  LoggedEvent,
  MetadataPage,
  MetadataRead,
  MountAddress,
  MountIdentity,
  ReportSink,
  RulePatterns,
  SecretAddress,
  SourceReader,
} from "./ports.ts";
export { start } from "./service.ts";
