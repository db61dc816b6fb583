export { classifyAnswer, type RawAnswer, type ReadAnswer } from "./answer/classify-answer.ts";
export { AUDIT_LINE_CHARACTERS_MAX, type AuditVerdict, parseAuditLine } from "./audit/parse-audit-line.ts";
export { createVaultClient, type VaultClient, type VaultClientOptions } from "./client.ts";
export { EVENT_FRAME_BYTES_MAX, type EventVerdict, parseEventFrame } from "./events/parse-event-frame.ts";
export type { MountAddress, SecretAddress } from "./kv/address.ts";
export type {
  ListedSecret,
  MetadataPage,
  PageRequest,
  WalkOptions,
  WalkPosition,
} from "./kv/metadata-page.ts";
export { isLiveAt, parseMetadata } from "./kv/parse-metadata.ts";
export type { MetadataRead, OwnSecretRead, VersionRead } from "./kv/read.ts";
export type { PutResult } from "./kv/write.ts";
export { createLogin, type Login, type LoginMethod, type LoginOptions } from "./login/login.ts";
export {
  createSourceToken,
  type SourceAuth,
  type SourceSecrets,
  type SourceToken,
  type SourceTokenOptions,
} from "./login/source-token.ts";
export {
  apiPolicy,
  type ApiPolicyOptions,
  detectorPolicy,
  type DetectorPolicyOptions,
  type PolicyFlavour,
  type PolicyOptions,
  sinkPolicy,
  type SinkPolicyOptions,
} from "./policies/policies.ts";
export type { CapabilitiesAnswer } from "./sys/capabilities.ts";
export type { Health } from "./sys/health.ts";
export type { Mount, MountLookUp } from "./sys/mounts.ts";
export { encodePath } from "./transport/encode-path.ts";
export type { TokenSource } from "./transport/transport.ts";
