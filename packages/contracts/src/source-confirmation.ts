import { z } from "zod";

// KV bucket `operations`: what the detector holds back because the source is not what it was, and by what a person says
// that it is all the same (O8, O20).

const said = {
  major: z.literal(1),
  source: z.string().min(1),
  /** Who: a display name, for people. */
  by: z.string(),
  at: z.string(),
  reason: z.string(),
};

/**
 * A person's word. The last one per source (cluster) or per path of a mount counts. From then on the detector publishes
 * what it sees there; under a mount's new accessor every secret has another `<k>`, and the resolver re-keys the
 * associations of the old one.
 */
export const sourceConfirmationSchema = z.discriminatedUnion("kind", [
  /** Key `source-confirmation.<source>.cluster`: this cluster is the source now, whatever was known before. */
  z.object({ ...said, kind: z.literal("cluster"), from: z.string().nullable(), to: z.string().min(1) }),
  /** Key `source-confirmation.<source>.mount.<namespace>.<mount>`: the mount that stands there now replaces the old one. */
  z.object({
    ...said,
    kind: z.literal("mount"),
    namespace: z.string(),
    mount: z.string().min(1),
    /** Accessors. */
    from: z.string().min(1),
    to: z.string().min(1),
  }),
]);
export type SourceConfirmation = z.infer<typeof sourceConfirmationSchema>;

/** Why nothing of a mount is published. */
export const heldReasonSchema = z.enum(["source-changed", "mount-missing", "source-denied", "not-watched"]);
export type HeldReason = z.infer<typeof heldReasonSchema>;

export const heldMountSchema = z.object({
  namespace: z.string(),
  mount: z.string(),
  why: heldReasonSchema,
  since: z.string(),
  /** What `source-changed` is about: another cluster answers, or another mount stands at the path. */
  change: z.object({ kind: z.enum(["cluster", "mount"]), from: z.string(), to: z.string() }).nullable(),
});
export type HeldMount = z.infer<typeof heldMountSchema>;

/** Key `source-report.<source>`: what the working detector holds, all of it, each time that this changes. */
export const sourceReportSchema = z.object({
  major: z.literal(1),
  source: z.string().min(1),
  at: z.string(),
  held: z.array(heldMountSchema),
  /** Mounts that stand elsewhere than their associations say (same accessor): looked at there. */
  moved: z.array(z.object({ namespace: z.string(), accessor: z.string(), from: z.string(), to: z.string() })),
});
export type SourceReport = z.infer<typeof sourceReportSchema>;
