// Owns: from the fields of a pause or resume to what is meant by them, and what is paused as the API shows it. Does not
// own the record: pause-store.ts.

import type { PausesRecord } from "@keyferry/contracts";
import { z } from "zod";
import type { EffectiveAssociations } from "../associations/effective-associations.ts";
import { readNamedSecret } from "../associations/resolve-secret.ts";
import type { DestinationIndex } from "../destinations/destination-index.ts";
import { describeIssues, textField } from "../gateway/coerce.ts";
import { badRequest, Refusal } from "../gateway/refusal.ts";
import { type PauseScope, REASON_CHARACTERS_MAX } from "./pause-store.ts";

const TYPE = "azure-kv";
const NAMES_SHOWN = 20;

/** What is resumed; the same fields say what is paused. */
export const resumeFieldsSchema = z.object({
  destination: textField.optional().describe("`NAME` or `azure-kv/NAME`; absent: all, or all of the secret."),
  mount: textField.optional().describe("With `secret_name`: one secret."),
  secret_name: textField.optional(),
});

export const pauseFieldsSchema = resumeFieldsSchema.extend({
  reason: textField
    .optional()
    .refine((reason) => reason === undefined || reason.length <= REASON_CHARACTERS_MAX, {
      error: `is longer than ${REASON_CHARACTERS_MAX} characters`,
    })
    .describe("Shown with every association that waits for it."),
});

export interface PauseFields {
  readonly scope: PauseScope;
  readonly reason: string | undefined;
}

export interface PauseViews {
  readonly destinations: Pick<DestinationIndex, "byName" | "byUid" | "inNamespace">;
  /** Those that rules make can be paused too. */
  readonly effective: Pick<EffectiveAssociations, "ofPath" | "get">;
}

/**
 * Reads a pause or resume. The views must have caught up.
 * @throws Refusal 400 for what can't be meant, 404 for what is not there
 */
export function readPauseFields(
  body: Readonly<Record<string, unknown>>,
  namespace: string,
  views: PauseViews,
): PauseFields {
  const parsed = pauseFieldsSchema.safeParse(body);
  if (!parsed.success) throw badRequest(...describeIssues(parsed.error));
  const { destination, mount, secret_name, reason } = parsed.data;
  const uid = destination === undefined ? undefined : uidOf(destination, namespace, views);
  if (mount !== undefined || secret_name !== undefined) {
    const named = readNamedSecret(body);
    const keys = views.effective
      .ofPath(namespace, named.mount, named.path)
      .filter(({ entry }) => uid === undefined || entry.value.destination === uid)
      .filter(({ entry }) => entry.value.state === "active")
      .map(({ key }) => key);
    if (keys.length === 0) {
      const where = destination === undefined ? "" : ` with ${destination}`;
      throw new Refusal(404, [`${named.mount}/${named.path} has no association${where}`]);
    }
    return { scope: { kind: "associations", keys }, reason };
  }
  if (uid !== undefined) return { scope: { kind: "destination", uid }, reason };
  if (namespace === "") return { scope: { kind: "all" }, reason };
  throw badRequest("destination is missing: to pause or resume everything is the root namespace's alone");
}

function uidOf(destination: string, namespace: string, { destinations }: PauseViews): string {
  const name = destination.startsWith(`${TYPE}/`) ? destination.slice(TYPE.length + 1) : destination;
  const row = destinations.byName({ namespace, type: TYPE, name });
  if (row === undefined) {
    const names = destinations.inNamespace(namespace).map(({ entry }) => entry.value.name);
    const known =
      names.length === 0 ? "there are none yet" : `there are ${names.slice(0, NAMES_SHOWN).join(", ")}`;
    throw new Refusal(404, [`there is no destination ${name} here: ${known}`]);
  }
  return row.entry.value.uid;
}

/** What is paused in a namespace; that everything is paused concerns each. */
export function pausesAnswer(
  record: PausesRecord,
  namespace: string,
  { destinations, effective }: PauseViews,
): Readonly<Record<string, unknown>> {
  const nameOf = (uid: string): string | undefined => {
    const found = destinations.byUid(uid)?.entry.value;
    return found?.namespace === namespace && found.state !== "retired" ? `${TYPE}/${found.name}` : undefined;
  };
  const ofDestinations = Object.entries(record.destinations).flatMap(([uid, pause]) => {
    const name = nameOf(uid);
    return name === undefined ? [] : [[name, pause] as const];
  });
  const ofAssociations = Object.entries(record.associations).flatMap(([key, pause]) => {
    const association = effective.get(key)?.entry.value;
    const destination = association && nameOf(association.destination);
    if (association === undefined || destination === undefined) return [];
    const { mount, path } = association.secret;
    return [{ destination, mount, secret_name: path, ...pause }];
  });
  return {
    all: record.all,
    destinations: Object.fromEntries(ofDestinations.sort(([a], [b]) => compare(a, b))),
    associations: ofAssociations.sort(
      (a, b) =>
        compare(a.destination, b.destination) ||
        compare(a.mount, b.mount) ||
        compare(a.secret_name, b.secret_name),
    ),
  };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
