// Owns: whether a command goes by the live lane or by bulk. Pure.

import type { Lane, VersionEvent } from "@keyferry/contracts";
import type { Seen } from "./resolve.ts";

/** What made the resolver look at a key. No decision but the lane and the command's label depends on it. */
export type Trigger =
  | { readonly kind: "event"; readonly event: VersionEvent }
  | { readonly kind: "set" }
  | { readonly kind: "removed"; readonly byPurge: boolean }
  | { readonly kind: "settle" }
  /** A rule was written, or the association that stood before it has gone. */
  | { readonly kind: "rule" }
  /** A command ended held: it may need leave to drop names. */
  | { readonly kind: "held" }
  /** A person approved held deletes. */
  | { readonly kind: "approved" }
  | { readonly kind: "replay" };

// A person who has just set an association waits for its first observation, which comes by the detector's first look.
const FRESH_SET_MS = 15 * 60_000;

/**
 * A known secret's change and what a person asked for go by `live`; first sight of a mount, a purge and settle by
 * `bulk` (DESIGN section 6, O21). Settle that comes before the event's own turn, as after a start, takes the event's
 * lane: the event will find the wish published, and a live change would wait behind a back-fill.
 * @param seen what the command is resolved from
 * @param now milliseconds since 1970
 */
export function laneFor(
  trigger: Trigger,
  { association, state, last }: Pick<Seen, "association" | "state" | "last">,
  now: number,
): Lane {
  const setAt = association && Date.parse(association.value.updatedAt);
  switch (trigger.kind) {
    case "set":
      return "live";
    case "removed":
      return trigger.byPurge ? "bulk" : "live";
    case "settle": {
      if (state === undefined || last === undefined) return "bulk";
      const isAhead = state.sequence > last.value.resolvedFrom.stateSequence;
      return isAhead ? laneOfEvent(state.value, setAt, now) : "bulk";
    }
    case "rule":
    case "held":
    case "approved":
    case "replay":
      return "bulk";
    case "event":
      return laneOfEvent(trigger.event, setAt, now);
  }
}

function laneOfEvent(event: VersionEvent, setAt: number | undefined, now: number): Lane {
  const firstSight = event.changes.every((change) => change.kind === "first-seen");
  if (!firstSight) return "live";
  return setAt !== undefined && now - setAt < FRESH_SET_MS ? "live" : "bulk";
}
