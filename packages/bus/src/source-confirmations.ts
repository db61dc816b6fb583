// Owns: writing down a person's word that another cluster, or another mount at an old one's path, is the source now.
// Invariant: only what the detector holds back at this time can be confirmed, so that nobody confirms what isn't there.
import type { HeldMount, SourceConfirmation, SourceReport } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import type { Clock } from "@keyferry/ports";
import type { Bus } from "./bus.ts";
import { sourceConfirmationKey, sourceReportKey } from "./subjects.ts";

export type ConfirmWish = {
  readonly source: string;
  /** Who: a display name, for people. */
  readonly by: string;
  readonly reason: string;
} & (
  | { readonly kind: "cluster"; /** The cluster id that answers now. */ readonly to: string }
  | {
      readonly kind: "mount";
      readonly namespace: string;
      readonly mount: string;
      /** The accessor that stands there now. */
      readonly to: string;
    }
);

export type ConfirmEnd =
  | { readonly kind: "confirmed"; readonly record: SourceConfirmation }
  /** It was confirmed before. */
  | { readonly kind: "unchanged"; readonly record: SourceConfirmation }
  /** The detector does not hold this back: what it does hold. */
  | { readonly kind: "not-held"; readonly report: SourceReport | undefined };

const TRIES_MAX = 10;

/**
 * Confirms what the detector holds as `source-changed`. The detector goes on by itself within seconds.
 * Throws `conflict` if others keep writing the same record, and the bus's errors.
 */
export async function confirmSourceChange(
  bus: Pick<Bus, "sourceConfirmations" | "sourceReports">,
  wish: ConfirmWish,
  clock: Clock,
): Promise<ConfirmEnd> {
  const key = sourceConfirmationKey(wish);
  for (let tried = 0; tried < TRIES_MAX; tried += 1) {
    const { entry, revision } = await bus.sourceConfirmations.read(key);
    if (entry?.value.to === wish.to) return { kind: "unchanged", record: entry.value };
    const report = (await bus.sourceReports.get(sourceReportKey(wish.source)))?.value;
    const held = report?.held.find((each) => isAbout(each, wish));
    if (held?.change === undefined || held.change === null) return { kind: "not-held", report };
    const record = recordOf(wish, held.change.from, clock);
    const end = await bus.sourceConfirmations.put(key, record, revision);
    if (end.kind === "stored") return { kind: "confirmed", record };
  }
  throw new KeyferryError("conflict", "Others confirm the same change of the source at the same time");
}

function isAbout({ namespace, mount, change }: HeldMount, wish: ConfirmWish): boolean {
  if (change?.kind !== wish.kind || change.to !== wish.to) return false;
  return wish.kind === "cluster" || (namespace === wish.namespace && mount === wish.mount);
}

function recordOf(wish: ConfirmWish, from: string, clock: Clock): SourceConfirmation {
  const { source, by, reason, to } = wish;
  const common = { major: 1, source, by, reason, at: new Date(clock.now()).toISOString(), from, to } as const;
  return wish.kind === "cluster"
    ? { ...common, kind: "cluster" }
    : { ...common, kind: "mount", namespace: wish.namespace, mount: wish.mount };
}
