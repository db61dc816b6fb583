export { associationRecordSchema, type AssociationRecord } from "./association.ts";
export {
  type CheckFinding,
  checkFindingSchema,
  type ConnectionCheckReply,
  connectionCheckReplySchema,
  type ConnectionCheckRequest,
  connectionCheckRequestSchema,
} from "./connection-check.ts";
export {
  type Connection,
  connectionSchema,
  credentialSchema,
  type Credential,
  type DestinationPolicy,
  destinationPolicySchema,
  destinationRecordSchema,
  type DestinationRecord,
  granularitySchema,
  type Granularity,
  isSourceAllowed,
  networkSchema,
  type NetworkRules,
  onDeleteSchema,
  ownershipSchema,
  policyOf,
  type ResolvedPolicy,
  type SourceAccess,
  sourceAccessSchema,
  syncSpecSchema,
  type SyncSpec,
  uidSchema,
  type Uid,
} from "./destination.ts";
export { compareFences, fenceSchema, type Fence, NO_FENCE } from "./fence.ts";
export {
  deadLetterSchema,
  type DeadLetter,
  deleteBudgetSchema,
  type DeleteBudget,
  epochRecordSchema,
  type EpochRecord,
  instanceRecordSchema,
  type InstanceRecord,
} from "./instance.ts";
export { type LeaseRecord, leaseRecordSchema } from "./lease.ts";
export {
  type ApprovalRecord,
  approvalRecordSchema,
  type DriftFinding,
  driftFindingSchema,
  type DriftReport,
  driftReportSchema,
  type DriftRequest,
  driftRequestSchema,
  type OperationRecord,
  operationRecordSchema,
  type PausesRecord,
  pausesRecordSchema,
} from "./operation.ts";
export {
  type DetectorFacts,
  detectorFactsSchema,
  type Presence,
  presenceSchema,
  type SinkFacts,
  sinkFactsSchema,
} from "./presence.ts";
export { type RuleRecord, ruleRecordSchema } from "./rule.ts";
export {
  checkPath,
  type PathCheck,
  secretKeySchema,
  type SecretKey,
  secretRefSchema,
  type SecretRef,
} from "./secret-ref.ts";
export {
  fingerprintOf,
  highestLiveVersion,
  type PresentState,
  presentStateSchema,
  type SecretState,
  secretStateSchema,
  type VersionState,
  versionStateSchema,
} from "./secret-state.ts";
export {
  type HeldMount,
  heldMountSchema,
  type HeldReason,
  heldReasonSchema,
  type SourceConfirmation,
  sourceConfirmationSchema,
  type SourceReport,
  sourceReportSchema,
} from "./source-confirmation.ts";
export {
  type ExpectedState,
  expectedStateSchema,
  type Lane,
  laneSchema,
  type Permit,
  permitSchema,
  type SyncCommand,
  syncCommandSchema,
  wishDigest,
} from "./sync-command.ts";
export {
  type Applied,
  type AppliedAttributes,
  appliedSchema,
  errorReportSchema,
  type Intent,
  intentSchema,
  type LateCheck,
  lateCheckSchema,
  type NameRecord,
  nameRecordSchema,
  type Outcome,
  outcomeSchema,
  type SyncRecord,
  syncRecordSchema,
} from "./sync-record.ts";
export {
  type Change,
  changeSchema,
  type Hint,
  hintSchema,
  type LookCause,
  lookCauseSchema,
  type VersionEvent,
  versionEventSchema,
} from "./version-event.ts";
