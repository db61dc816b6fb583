// Owns: rules as the API shows them, with how many associations each makes right now, and their shapes. Reads views.

import { granularitySchema, type RuleRecord } from "@keyferry/contracts";
import { z } from "zod";
import type { EffectiveAssociations } from "../associations/effective-associations.ts";
import type { AssociationIndex } from "../associations/association-index.ts";

const count = z.int().nonnegative();
const texts = z.record(z.string(), z.string());
const time = z.iso.datetime({ offset: true });

export const ruleSchema = z.strictObject({
  name: z.string(),
  destination: z.strictObject({ type: z.literal("azure-kv"), name: z.string() }),
  mounts: z.array(z.string()),
  paths: z.array(z.string()),
  custom_metadata: texts,
  granularity: granularitySchema,
  secret_name_template: z.string(),
  custom_tags: texts,
  associations: count.describe("How many associations it makes right now."),
  excluded: count.describe(
    "Associations of the destination that a person removed although a rule covers them.",
  ),
  created_at: time,
  updated_at: time,
});

export const ruleListSchema = z.strictObject({
  keys: z.array(z.string()),
  key_info: z.record(z.string(), z.strictObject({ mounts: z.array(z.string()), associations: count })),
  total_rules: count,
});

/** How many associations each rule of a destination makes, by name. */
export function countMade(
  effective: EffectiveAssociations,
  destination: string,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { rule } of effective.madeOf(destination)) {
    if (rule !== undefined) counts.set(rule, (counts.get(rule) ?? 0) + 1);
  }
  return counts;
}

/** One rule. */
export function ruleAnswer(
  { name, match, spec, destination, createdAt, updatedAt }: RuleRecord,
  destinationName: string,
  { effective, associations }: { effective: EffectiveAssociations; associations: AssociationIndex },
): z.infer<typeof ruleSchema> {
  const stored = associations.ofDestination(destination);
  return {
    name,
    destination: { type: "azure-kv", name: destinationName },
    mounts: match.mounts,
    paths: match.paths,
    custom_metadata: match.customMetadata,
    granularity: spec.granularity,
    secret_name_template: spec.nameTemplate,
    custom_tags: spec.customTags,
    associations: countMade(effective, destination).get(name) ?? 0,
    excluded: stored.filter(({ entry }) => entry.value.state === "excluded").length,
    created_at: createdAt,
    updated_at: updatedAt,
  };
}

/** The rules of a destination; undefined if there are none. */
export function ruleListAnswer(
  rules: readonly RuleRecord[],
  effective: EffectiveAssociations,
): z.infer<typeof ruleListSchema> | undefined {
  const [first] = rules;
  if (first === undefined) return undefined;
  const counts = countMade(effective, first.destination);
  const sorted = rules.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return {
    keys: sorted.map(({ name }) => name),
    key_info: Object.fromEntries(
      sorted.map(({ name, match }) => [name, { mounts: match.mounts, associations: counts.get(name) ?? 0 }]),
    ),
    total_rules: rules.length,
  };
}
