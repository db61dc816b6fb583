// Owns: the whole configuration of a namespace as one document: what `keyferry import` and `apply` take. Never a
// credential. Sorted, so that two exports of the same differ in nothing.

import type { DestinationRecord, RuleRecord } from "@keyferry/contracts";
import { z } from "zod";
import type { Answer, Call } from "../../gateway/call.ts";
import { destinationAnswer } from "../../destinations/destination-answer.ts";
import { destinationFieldsSchema } from "../../destinations/destination-fields.ts";
import { operationsOf } from "../call-parts.ts";

type Json = Readonly<Record<string, unknown>>;

const texts = z.record(z.string(), z.string());

export const exportSchema = z.strictObject({
  version: z.literal(1),
  destinations: z
    .array(z.record(z.string(), z.unknown()))
    .describe("Fields as the API takes them, by name; without credentials."),
  associations: z.array(
    z.strictObject({ destination: z.string(), mount: z.string(), secret_name: z.string() }),
  ),
  rules: z.array(
    z.strictObject({
      name: z.string(),
      destination: z.string(),
      mounts: z.array(z.string()),
      paths: z.array(z.string()),
      custom_metadata: texts,
      granularity: z.string(),
      secret_name_template: z.string(),
      custom_tags: texts,
    }),
  ),
});

// How the API shows that something secret is there.
const MASK = "*****";

/** The document. */
export async function exportAll(call: Call): Promise<Answer> {
  const { pairs, destinations, rules } = operationsOf(call);
  const { namespace } = call.caller;
  await pairs.caughtUp(call.signal);
  const active = destinations
    .inNamespace(namespace)
    .map(({ entry }) => entry.value)
    .filter(({ state }) => state === "active");
  const nameOf = new Map(active.map(({ uid, name }) => [uid, name]));
  const associations = [...pairs.inNamespace(namespace)]
    // What a rule makes is the rule's.
    .filter(({ destination, rule }) => destination.state === "active" && rule === undefined)
    .map(({ destination, association }) => ({
      destination: destination.name,
      mount: association.value.secret.mount,
      secret_name: association.value.secret.path,
    }))
    .sort((a, b) => compare(keyOf(a), keyOf(b)));
  return {
    data: {
      version: 1,
      destinations: active.map(fieldsOf).sort((a, b) => compare(String(a["name"]), String(b["name"]))),
      associations,
      rules: (await rules(call.signal))
        .filter((rule) => rule.namespace === namespace && rule.state === "active")
        .flatMap((rule) => ruleOf(rule, nameOf.get(rule.destination)))
        .sort((a, b) => compare(a.name, b.name)),
    },
  };
}

/** A destination's fields as a write takes them: what the answer shows in two places, flat. */
export function fieldsOf(record: DestinationRecord): Json {
  const answer = destinationAnswer(record);
  const flat: Record<string, unknown> = {
    ...(answer["connection_details"] as Json),
    ...(answer["options"] as Json),
    ...answer,
  };
  const granularity = flat["granularity_level"];
  delete flat["granularity_level"];
  const taken = Object.entries(flat).filter(
    ([name, value]) =>
      (name === "name" || name in destinationFieldsSchema.shape) && value !== undefined && value !== MASK,
  );
  return { ...Object.fromEntries(taken), granularity };
}

function ruleOf({ name, match, spec }: RuleRecord, destination: string | undefined) {
  if (destination === undefined) return [];
  return [
    {
      name,
      destination,
      mounts: match.mounts,
      paths: match.paths,
      custom_metadata: match.customMetadata,
      granularity: spec.granularity,
      secret_name_template: spec.nameTemplate,
      custom_tags: spec.customTags,
    },
  ];
}

function keyOf({
  destination,
  mount,
  secret_name,
}: {
  destination: string;
  mount: string;
  secret_name: string;
}): string {
  return JSON.stringify([destination, mount, secret_name]);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
