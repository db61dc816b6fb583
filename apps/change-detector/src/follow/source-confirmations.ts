// Owns: what people have confirmed about this source, as it comes in. Does not own: what follows from it.
import { sourceConfirmationKey, type View } from "@keyferry/bus";
import type { SourceConfirmation } from "@keyferry/contracts";
import type { Confirmations } from "../ports.ts";

/** The last word about the cluster and about each path. Follows the view for as long as that follows its bucket. */
export function sourceConfirmations(
  view: Pick<View<SourceConfirmation>, "get" | "onChange">,
  source: string,
): Confirmations {
  return {
    cluster: () => view.get(sourceConfirmationKey({ source, kind: "cluster" }))?.value.to,
    accessorAt: (at) => view.get(sourceConfirmationKey({ source, kind: "mount", ...at }))?.value.to,
    onChanged: (listener) => view.onChange(() => listener()),
  };
}
