export {
  activeDigestKey,
  deriveDigestKey,
  type DigestFields,
  type DigestKey,
  digestMatches,
  digestOf,
  type TagAttributes,
  type TagKeys,
  tagsDigest,
} from "./digest.ts";
export {
  associationUidOf,
  newInstanceId,
  newOpId,
  newUid,
  type RandomBytes,
  ruleUidOf,
  secretKeyOf,
} from "./ids.ts";
export { type NormalisedName, normaliseName } from "./normalise-name.ts";
export { parseAddress } from "./network/ip-range.ts";
export { type AddressVerdict, checkRanges, judgeAddress } from "./network/network-rules.ts";
export { type Payload, renderPayload } from "./payload/render-payload.ts";
export { type ReadSettings, secretSettings, type SecretSettings } from "./settings/secret-settings.ts";
export { checkCustomTags, type CustomTagsCheck, type MergedTags, mergeTags } from "./tags/custom-tags.ts";
export {
  foreignTags,
  type Owner,
  type OwnerMark,
  ownerTags,
  type Placement,
  readOwner,
  releasedTags,
} from "./tags/owner-tags.ts";
export {
  type CompiledTemplate,
  compileTemplate,
  defaultTemplate,
  type NameTemplate,
  type RenderedName,
  renderName,
} from "./template/compile.ts";
export { type NameVariables, nameVariables } from "./template/variables.ts";
export {
  AZURE_CLOUDS,
  type AzureCloud,
  checkTenantId,
  checkVaultUri,
  type TenantCheck,
  type VaultUriCheck,
} from "./vault-address.ts";
