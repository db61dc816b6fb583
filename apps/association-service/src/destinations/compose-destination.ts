// Owns: what a write makes of a destination: PUT and POST replace what is optional, PATCH merges (reference: trap 2 of
// Terraform, RFC 7396). Pure: no I/O, no clock, no uid.
// Invariants: key_vault_uri, tenant_id and cloud never change (hazard rule-as-deputy: a PATCH would re-aim what is
// associated). Parts of it have files of their own: compose-credential.ts, compose-network.ts, compose-policy.ts.

import {
  type DestinationRecord,
  granularitySchema,
  type Granularity,
  type SyncSpec,
} from "@keyferry/contracts";
import {
  checkCustomTags,
  checkTenantId,
  checkVaultUri,
  compileTemplate,
  defaultTemplate,
} from "@keyferry/naming";
import { composeCredential, type CredentialChange } from "./compose-credential.ts";
import { composeNetwork } from "./compose-network.ts";
import { composePolicy, composeSource } from "./compose-policy.ts";
import type { DestinationFields } from "./destination-fields.ts";
import { given } from "./given.ts";

/** Vault's environment fallbacks (AZURE_TENANT_ID and so on), from our configuration. */
export interface DestinationDefaults {
  readonly tenantId?: string;
  readonly clientId?: string;
  readonly keyVaultUri?: string;
}

export interface ComposedDestination {
  readonly connection: Omit<DestinationRecord["connection"], "credential">;
  readonly spec: SyncSpec;
  readonly policy: DestinationRecord["policy"];
  readonly source: DestinationRecord["source"];
  readonly credential: CredentialChange;
}

export type Composed =
  | { readonly kind: "ok"; readonly destination: ComposedDestination }
  | { readonly kind: "refused"; readonly errors: readonly string[] };

export interface ComposeInput {
  readonly mode: "replace" | "merge";
  readonly fields: DestinationFields;
  readonly stored: DestinationRecord | undefined;
  readonly defaults: DestinationDefaults;
}

/** Composes a destination from a write and what is stored; every fault is told at once. */
export function composeDestination(input: ComposeInput): Composed {
  const errors: string[] = [];
  const { mode, fields, stored } = input;
  const credential = composeCredential(fields, stored?.connection.credential, mode, errors);
  const connection = composeConnection(input, needsClientId(credential, stored), errors);
  const spec = composeSpec(input, errors);
  const policy = composePolicy(fields, stored?.policy, errors);
  const source = composeSource(fields, stored?.source, errors);
  if (policy?.vaultTag === true && spec !== undefined && checkWithVaultTag(spec).kind === "refused")
    errors.push("vault_tag takes the place of one custom tag: leave 12 custom tags or fewer");
  if (policy?.purgeDeleted === true && (policy.onDelete ?? "delete") !== "delete")
    errors.push("purge_deleted purges what on_delete=delete has deleted: leave one of the two out");
  if (errors.length > 0 || connection === undefined || spec === undefined) return { kind: "refused", errors };
  return { kind: "ok", destination: { connection, spec, policy, source, credential } };
}

// The sink adds the tag to the custom ones; its name and value are as short as any.
function checkWithVaultTag({ customTags }: SyncSpec): ReturnType<typeof checkCustomTags> {
  return checkCustomTags({ ...customTags, "hashicorp:vault": "" });
}

// A machine that has one identity of its own needs no name for it.
function needsClientId(change: CredentialChange, stored: DestinationRecord | undefined): boolean {
  const after =
    change.kind === "become"
      ? change.credential
      : change.kind === "keep"
        ? stored?.connection.credential
        : undefined;
  return after?.kind !== "managed-identity";
}

function composeConnection(
  { mode, fields, stored, defaults }: ComposeInput,
  isClientIdNeeded: boolean,
  errors: string[],
): ComposedDestination["connection"] | undefined {
  const before = stored?.connection;
  const keyVaultUri = given(fields.key_vault_uri) ?? before?.keyVaultUri ?? given(defaults.keyVaultUri);
  const tenantId = given(fields.tenant_id) ?? before?.tenantId ?? given(defaults.tenantId);
  const clientId =
    given(fields.client_id) ??
    given(before?.clientId) ??
    given(defaults.clientId) ??
    (isClientIdNeeded ? undefined : "");
  const cloud = given(fields.cloud) ?? before?.cloud;
  if (before !== undefined) {
    refuseChange("key_vault_uri", before.keyVaultUri, keyVaultUri, errors);
    refuseChange("tenant_id", before.tenantId, tenantId, errors);
    refuseChange("cloud", before.cloud, cloud, errors);
  }
  if (keyVaultUri === undefined) errors.push(missing("key_vault_uri", "https://NAME.vault.azure.net"));
  else checkUri(keyVaultUri, cloud, errors);
  if (tenantId === undefined) errors.push(missing("tenant_id", "the tenant's UUID"));
  else {
    const check = checkTenantId(tenantId);
    if (check.kind === "refused") errors.push(check.why);
  }
  if (clientId === undefined) errors.push(missing("client_id", "the application's UUID"));
  if (keyVaultUri === undefined || tenantId === undefined || clientId === undefined) return undefined;
  const network = composeNetwork(fields, mode === "merge" ? before?.network : undefined, errors);
  return {
    keyVaultUri,
    tenantId,
    clientId,
    ...(cloud === undefined ? {} : { cloud }),
    ...(network === undefined ? {} : { network }),
  };
}

function checkUri(uri: string, cloud: string | undefined, errors: string[]): void {
  const check = checkVaultUri(uri, cloud);
  if (check.kind === "refused") errors.push(check.why);
}

function composeSpec({ mode, fields, stored }: ComposeInput, errors: string[]): SyncSpec | undefined {
  const before = mode === "merge" ? stored?.spec : undefined;
  const granularity = readGranularity(fields, before, errors);
  if (granularity === undefined) return undefined;
  const nameTemplate = chooseTemplate(fields, before, granularity);
  const compiled = compileTemplate(nameTemplate, { granularity });
  // reference: its beginning is that of Vault's own sentence.
  if (compiled.kind === "refused") errors.push(compiled.why);
  const customTags = mergeCustomTags(fields, before);
  const tags = checkCustomTags(customTags);
  if (tags.kind === "refused") errors.push(`custom_tags: ${tags.what}`);
  return { granularity, nameTemplate, customTags };
}

function readGranularity(
  fields: DestinationFields,
  before: SyncSpec | undefined,
  errors: string[],
): Granularity | undefined {
  const wanted =
    given(fields.granularity) ?? (fields.granularity === undefined ? before?.granularity : undefined);
  const parsed = granularitySchema.safeParse(wanted ?? "secret-path");
  if (parsed.success) return parsed.data;
  errors.push("granularity is neither secret-path nor secret-key: send one of the two");
  return undefined;
}

// A template that was the old granularity's default follows it to the new one's; one that a person chose stays.
function chooseTemplate(
  fields: DestinationFields,
  before: SyncSpec | undefined,
  granularity: Granularity,
): string {
  const sent = given(fields.secret_name_template);
  if (sent !== undefined) return sent;
  const isKept =
    fields.secret_name_template === undefined &&
    before !== undefined &&
    before.nameTemplate !== defaultTemplate(before.granularity);
  return isKept ? before.nameTemplate : defaultTemplate(granularity);
}

function mergeCustomTags(fields: DestinationFields, before: SyncSpec | undefined): Record<string, string> {
  const merged = new Map(Object.entries(fields.custom_tags === null ? {} : (before?.customTags ?? {})));
  for (const [name, value] of Object.entries(fields.custom_tags ?? {})) {
    if (value === null) merged.delete(name);
    else merged.set(name, value);
  }
  // Only PATCH has tags_to_remove; on create and update Vault ignores it (reference: OAS).
  if (before !== undefined) for (const name of fields.tags_to_remove ?? []) merged.delete(name);
  return Object.fromEntries(merged);
}

function refuseChange(
  field: string,
  before: string | undefined,
  after: string | undefined,
  errors: string[],
): void {
  if (before === after) return;
  errors.push(`${field} can't be changed: make another destination and associate the secrets with it`);
}

function missing(field: string, example: string): string {
  return `${field} is missing: send ${example}`;
}
