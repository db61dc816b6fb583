// Owns: which fields a rule has, how they are read, and what they make of it. Pure. Does not own storing it.

import {
  granularitySchema,
  type DestinationRecord,
  type RuleRecord,
  type SyncSpec,
} from "@keyferry/contracts";
import { checkCustomTags, compileTemplate, defaultTemplate } from "@keyferry/naming";
import { z } from "zod";
import { describeIssues, textField, textListField, textMapField } from "../gateway/coerce.ts";
import { badRequest } from "../gateway/refusal.ts";
import { compileGlob } from "../operations/replay/path-glob.ts";

export const ruleFieldsSchema = z.object({
  mounts: textListField
    .nullish()
    .describe("Globs over the mount's path; `*` stands for any characters. At least one."),
  paths: textListField
    .nullish()
    .describe("Globs over the secret's path: `*` within a part, `**` over parts. None: every path."),
  custom_metadata: textMapField
    .nullish()
    .describe("Key and glob over its value; the secret must have all of them."),
  granularity: textField.nullish().describe("Absent: the destination's."),
  secret_name_template: textField.nullish().describe("Absent: the destination's."),
  custom_tags: textMapField.nullish().describe("Absent: the destination's."),
});

export type RuleFields = z.output<typeof ruleFieldsSchema>;

/** What a write makes of a rule, beside its identity and times. */
export type RuleBody = Pick<RuleRecord, "match" | "spec">;

// More than a person keeps in mind; each is tried for each secret.
const GLOBS_MAX = 64;
const METADATA_MAX = 16;
const GLOB_CHARACTERS_MAX = 512;

/**
 * Reads the fields of PUT, POST or PATCH. Fields that nobody knows are told of, as destinations do.
 * @throws Refusal 400 naming each wrong field
 */
export function readRuleFields(body: Readonly<Record<string, unknown>>): {
  readonly fields: RuleFields;
  readonly ignored: readonly string[];
} {
  const parsed = ruleFieldsSchema.safeParse(body);
  if (!parsed.success) throw badRequest(...describeIssues(parsed.error));
  return {
    fields: parsed.data,
    ignored: Object.keys(body).filter((name) => !(name in ruleFieldsSchema.shape)),
  };
}

/**
 * Composes a rule: `replace` begins with the destination's spec of today, `merge` with what is stored. Null takes a
 * value away (RFC 7396).
 * @throws Refusal 400 naming each wrong field
 */
export function composeRule(
  mode: "replace" | "merge",
  fields: RuleFields,
  stored: RuleBody | undefined,
  destination: Pick<DestinationRecord, "spec">,
): RuleBody {
  const errors: string[] = [];
  const before = mode === "merge" ? stored : undefined;
  const match = {
    mounts: mountsOf(fields, before, errors),
    paths: pathsOf(fields, before, errors),
    customMetadata: metadataOf(fields, before, errors),
  };
  const spec = specOf(fields, before?.spec ?? destination.spec, destination.spec, errors);
  if (errors.length > 0) throw badRequest(...errors);
  return { match, spec };
}

function mountsOf(fields: RuleFields, before: RuleBody | undefined, errors: string[]): string[] {
  const sent = fields.mounts === undefined ? before?.match.mounts : fields.mounts;
  const mounts = (sent ?? []).map((glob) => glob.replace(/^\/|\/$/g, ""));
  if (mounts.length === 0)
    errors.push("mounts is missing: send the paths of KV v2 mounts, as my-kv or team-*");
  if (mounts.length > GLOBS_MAX) errors.push(`mounts has more than ${GLOBS_MAX} globs: make several rules`);
  for (const glob of mounts) checkText(`mounts: the glob '${glob}'`, glob, errors);
  return mounts;
}

function pathsOf(fields: RuleFields, before: RuleBody | undefined, errors: string[]): string[] {
  const paths = (fields.paths === undefined ? before?.match.paths : fields.paths) ?? [];
  if (paths.length > GLOBS_MAX) errors.push(`paths has more than ${GLOBS_MAX} globs: make several rules`);
  for (const glob of paths) {
    const compiled = compileGlob(glob);
    if (compiled.kind === "refused") errors.push(`paths: ${compiled.why}`);
  }
  return [...paths];
}

function metadataOf(
  fields: RuleFields,
  before: RuleBody | undefined,
  errors: string[],
): Record<string, string> {
  const merged = new Map(
    Object.entries(fields.custom_metadata === null ? {} : (before?.match.customMetadata ?? {})),
  );
  for (const [key, glob] of Object.entries(fields.custom_metadata ?? {})) {
    if (glob === null) merged.delete(key);
    else merged.set(key, glob);
  }
  if (merged.size > METADATA_MAX) errors.push(`custom_metadata has more than ${METADATA_MAX} keys`);
  for (const [key, glob] of merged) checkText(`custom_metadata: the glob of ${key}`, glob, errors);
  return Object.fromEntries(merged);
}

function checkText(what: string, glob: string, errors: string[]): void {
  if (glob === "") errors.push(`${what} is empty: write * for anything`);
  if (glob.length > GLOB_CHARACTERS_MAX)
    errors.push(`${what} is longer than ${GLOB_CHARACTERS_MAX} characters`);
}

function specOf(fields: RuleFields, before: SyncSpec, ofDestination: SyncSpec, errors: string[]): SyncSpec {
  const wanted =
    given(fields.granularity) ?? (fields.granularity === null ? ofDestination : before).granularity;
  const parsed = granularitySchema.safeParse(wanted);
  if (!parsed.success) {
    errors.push("granularity is neither secret-path nor secret-key: send one of the two");
    return before;
  }
  const granularity = parsed.data;
  const nameTemplate =
    given(fields.secret_name_template) ?? keptTemplate(fields, before, ofDestination, granularity);
  const compiled = compileTemplate(nameTemplate, { granularity });
  if (compiled.kind === "refused") {
    errors.push(compiled.why.replace(/^secret name template/, "secret_name_template"));
  }
  const customTags = tagsOf(fields, before, ofDestination);
  const tags = checkCustomTags(customTags);
  if (tags.kind === "refused") errors.push(`custom_tags: ${tags.what}`);
  return { granularity, nameTemplate, customTags };
}

// A template of the other granularity would not do: it then is this one's default.
function keptTemplate(
  fields: RuleFields,
  before: SyncSpec,
  ofDestination: SyncSpec,
  granularity: SyncSpec["granularity"],
): string {
  const kept = fields.secret_name_template === null ? ofDestination : before;
  return kept.granularity === granularity ? kept.nameTemplate : defaultTemplate(granularity);
}

function tagsOf(fields: RuleFields, before: SyncSpec, ofDestination: SyncSpec): Record<string, string> {
  if (fields.custom_tags === null) return ofDestination.customTags;
  const merged = new Map(Object.entries(before.customTags));
  for (const [name, value] of Object.entries(fields.custom_tags ?? {})) {
    if (value === null) merged.delete(name);
    else merged.set(name, value);
  }
  return Object.fromEntries(merged);
}

function given(value: string | null | undefined): string | undefined {
  return value === null || value === undefined || value === "" ? undefined : value;
}
