// The door of the emulator. Shares no code with the adapter it tests: what both misread would pass.
export { makeServerCertificate } from "./tls/certificates.ts";
export { startKeyVaultEmulator } from "./emulator.ts";
export type { KeyVaultEmulator } from "./emulator.ts";
export { DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_TENANT_ID } from "./options.ts";
export type { GrantOptions, KeyVaultEmulatorOptions, VaultOptions } from "./options.ts";
export type { Access, AccessRules, DataAction, Permission } from "./access/access.ts";
export type { VirtualClock } from "./clock/virtual-clock.ts";
export type { FederatedCredential, PrincipalOptions } from "./entra/principals.ts";
export type { EmulatorSnapshot } from "./estate/snapshot.ts";
export type { SecretView, VersionView } from "./estate/state-view.ts";
export type { Fault, FaultHandle, FaultInjector, FaultRule } from "./faults/rules.ts";
export { AZURE_LIMITS } from "./limits/rate-limits.ts";
export type { Bucket, LimitPolicy, RateLimits } from "./limits/rate-limits.ts";
export { sha256 } from "./oracle/oracle.ts";
export type {
  EffectRecord,
  LogFilter,
  LoggedOperation,
  Oracle,
  OracleSnapshot,
  RequestRecord,
} from "./oracle/oracle.ts";
export { SOFT_DELETE_PRESETS } from "./soft-delete/lifecycle.ts";
export type { Phase, SoftDeleteDelays } from "./soft-delete/lifecycle.ts";
export type { Operation } from "./wire/route.ts";
export type { SizeLimits } from "./wire/secret-body.ts";
