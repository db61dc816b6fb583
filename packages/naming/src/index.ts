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
export { newInstanceId, newOpId, newUid, type RandomBytes, secretKeyOf } from "./ids.ts";
export { type NormalisedName, normaliseName } from "./normalise-name.ts";
export { type Payload, renderPayload } from "./payload/render-payload.ts";
export { checkCustomTags, type CustomTagsCheck, type MergedTags, mergeTags } from "./tags/custom-tags.ts";
export {
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
