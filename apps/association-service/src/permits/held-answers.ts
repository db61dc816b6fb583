// Owns: held deletes as the API shows them, and their shapes. Pure.

import { z } from "zod";
import { describeIssues, textField } from "../gateway/coerce.ts";
import { badRequest } from "../gateway/refusal.ts";
import type { StuckRemoval } from "./approvals.ts";
import type { HeldSet } from "./held-set.ts";

export const approvalFieldsSchema = z.object({
  digest: textField.optional().describe("Of the set that was looked at: exactly that one is approved."),
});

const count = z.int().nonnegative();
const time = z.iso.datetime({ offset: true });

export const heldSchema = z.strictObject({
  destination: z.string(),
  digest: z.string().describe("Names this very set; an approval sends it back."),
  total: count,
  held: z
    .array(
      z.strictObject({
        mount: z.string(),
        secret_name: z.string(),
        what: z.enum(["secret", "names"]).describe("`names`: the secret stays, names of it go."),
        external_names: z.array(z.string()),
        since: time,
      }),
    )
    .describe("The first 1,000 by mount and name; `total` counts all."),
  refused_removals: z
    .array(z.strictObject({ mount: z.string(), secret_name: z.string(), reason: z.string(), since: time }))
    .describe(
      "Removed associations whose unsync was refused: tried again 6-hourly; remove with force gives one up.",
    ),
});

export const heldListSchema = z.strictObject({
  destinations: z.array(z.strictObject({ name: z.string(), digest: z.string(), total: count })),
  total: count,
});

export const approvedSchema = z.strictObject({
  destination: z.string(),
  digest: z.string(),
  approved: count,
  skipped: count.describe("What has changed since: it is resolved by its own state."),
});

const SHOWN_MAX = 1_000;

/** What a destination holds back. */
export function heldAnswer(
  destination: string,
  { deletes, digest }: HeldSet,
  stuck: readonly StuckRemoval[],
): z.infer<typeof heldSchema> {
  const rows = deletes.map(({ secret, what, externalNames, since }) => ({
    mount: `${secret.mount}/`,
    secret_name: secret.path,
    what,
    external_names: [...externalNames],
    since,
  }));
  rows.sort(byPath);
  const refused = stuck.map(({ secret, why, since }) => ({
    mount: `${secret.mount}/`,
    secret_name: secret.path,
    reason: why,
    since,
  }));
  return {
    destination,
    digest,
    total: rows.length,
    held: rows.slice(0, SHOWN_MAX),
    refused_removals: refused.sort(byPath).slice(0, SHOWN_MAX),
  };
}

interface Placed {
  readonly mount: string;
  readonly secret_name: string;
}

function byPath(a: Placed, b: Placed): number {
  return `${a.mount}${a.secret_name}` < `${b.mount}${b.secret_name}` ? -1 : 1;
}

/** Every destination that holds something back. */
export function heldListAnswer(
  sets: readonly { readonly name: string; readonly held: HeldSet }[],
): z.infer<typeof heldListSchema> {
  const destinations = sets
    .filter(({ held }) => held.deletes.length > 0)
    .map(({ name, held }) => ({ name, digest: held.digest, total: held.deletes.length }));
  return { destinations, total: destinations.reduce((sum, { total }) => sum + total, 0) };
}

/** The digest of an approval. @throws Refusal 400 */
export function readApproval(body: Readonly<Record<string, unknown>>): string {
  const parsed = approvalFieldsSchema.safeParse(body);
  if (!parsed.success) throw badRequest(...describeIssues(parsed.error));
  const { digest = "" } = parsed.data;
  if (digest === "") throw badRequest("digest is missing: send the one that sys/sync/held shows");
  return digest;
}
