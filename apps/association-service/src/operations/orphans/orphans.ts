// Owns: the paths of orphans: secrets in a vault with a mark of ours that nothing wants. A look at the whole vault lists
// them (drift); they are deleted by a person's approval of exactly that list, and by nothing else.

import { createHash } from "node:crypto";
import type { DriftReport } from "@keyferry/contracts";
import { z } from "zod";
import type { Answer, Call } from "../../gateway/call.ts";
import { textField } from "../../gateway/coerce.ts";
import type { AddRead, AddWrite } from "../../gateway/operation-table.ts";
import { badRequest, Refusal } from "../../gateway/refusal.ts";
import { authorisedBody, operationsOf } from "../call-parts.ts";
import { requestLook } from "../drift/drift-routes.ts";
import { destinationNamed, readFields } from "../fields.ts";

const ORPHANS = "/v1/sys/sync/orphans/azure-kv/:name";

export const collectFieldsSchema = z.object({
  digest: textField.optional().describe("Of the list that was looked at: exactly that is deleted. Needed."),
});

export const orphansSchema = z.strictObject({
  destination: z.string(),
  looked_at: z.iso.datetime({ offset: true }),
  digest: z.string().describe("Names this very set; an approval sends it back."),
  total: z.int().nonnegative(),
  orphans: z
    .array(z.strictObject({ name: z.string(), detail: z.string() }))
    .describe("Those that the report of the look lists; `total` counts all."),
});

interface Orphan {
  readonly name: string;
  readonly mark: string;
  readonly detail: string;
}

/** Registers them. */
export function addOrphanRoutes({ read, write }: { readonly read: AddRead; readonly write: AddWrite }): void {
  read(ORPHANS, "read", listOrphans);
  write(["PUT", "POST"], `${ORPHANS}/collect`, collectOrphans);
}

async function listOrphans(call: Call): Promise<Answer> {
  const { name, report } = await reportOf(call);
  const orphans = orphansIn(report);
  return {
    data: {
      destination: name,
      looked_at: report.finishedAt,
      digest: digestOf(orphans),
      total: report.counts["orphan"] ?? 0,
      orphans: orphans.map(({ name: orphan, detail }) => ({ name: orphan, detail })),
    },
  };
}

async function collectOrphans(call: Call): Promise<Answer> {
  const { digest } = readFields(collectFieldsSchema, await authorisedBody(call));
  const { name, uid, report } = await reportOf(call);
  if (digest === undefined || digest === "") {
    throw badRequest(`digest is missing: send the one that sys/sync/orphans/azure-kv/${name} shows`);
  }
  const orphans = orphansIn(report);
  if (orphans.length === 0) throw new Refusal(409, [`the last look at ${name} found no orphans`]);
  if (digestOf(orphans) !== digest) {
    throw new Refusal(409, [
      `other orphans are listed now: ${orphans.length} with the digest ${digestOf(orphans)}. Look at them, then approve that list`,
    ]);
  }
  const collect = orphans.map(({ name: orphan, mark }) => ({ name: orphan, mark }));
  return { data: await requestLook(call, { uid, name }, { mode: "check", collect }) };
}

async function reportOf(call: Call) {
  const { name: given } = call.request.params as { readonly name: string };
  const { uid, name } = await destinationNamed(call, given);
  const entry = await operationsOf(call).bus.driftReports.get(`drift-report.${uid}`);
  if (entry === undefined) {
    throw new Refusal(404, [
      `${name} was not looked at yet: ask for a check by sys/sync/drift/azure-kv/${name}/check`,
    ]);
  }
  return { uid, name, report: entry.value };
}

function orphansIn({ findings }: DriftReport): readonly Orphan[] {
  return findings
    .flatMap(({ kind, action, name, mark, detail }) =>
      kind === "orphan" && action === "reported" && mark !== undefined ? [{ name, mark, detail }] : [],
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function digestOf(orphans: readonly Orphan[]): string {
  const lines = orphans.map(({ name, mark }) => `${name} ${mark}`);
  return createHash("sha256").update(lines.join("\n")).digest("base64url").slice(0, 27);
}
