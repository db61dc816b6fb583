import { assertNever } from "@keyferry/errors";
import type { Random } from "@keyferry/ports";
import { backoffMs } from "@keyferry/retry";

// Pure: when a destination may be asked (hazard permission-granted-later). A dead vault costs one probe at a time, with
// growing pauses; one that answers is never in anybody's way.

/** Failures in a row that open it: one or two are a blip. */
export const FAILURES_TO_OPEN = 3;
const PAUSE = { firstMs: 2_000, capMs: 300_000, factor: 2 } as const;

export type BreakerState =
  /** The vault takes what it is asked. */
  | { readonly kind: "closed" }
  /** Not known, or just failed: one command at a time until one succeeds. */
  | {
      readonly kind: "probing";
      readonly failures: number;
      readonly openings: number;
      readonly isBusy: boolean;
    }
  /** Not asked before `untilMs`. */
  | { readonly kind: "open"; readonly untilMs: number; readonly openings: number };

/** What a command's end says of the vault. `neutral`: it was not asked, or the answer says nothing of it. */
export type Verdict = "success" | "failure" | "neutral";

/** `busy`: somebody else is the probe; wait for its end. */
export type Admission = "pass" | "probe" | "busy" | "refused";

/** Of a vault that nobody has asked yet. */
export const UNKNOWN: BreakerState = { kind: "probing", failures: 0, openings: 0, isBusy: false };

/** Whether a command may go on now, and the state with it under way. */
export function admit(state: BreakerState, nowMs: number): { state: BreakerState; admission: Admission } {
  switch (state.kind) {
    case "closed":
      return { state, admission: "pass" };
    case "probing":
      if (state.isBusy) return { state, admission: "busy" };
      return { state: { ...state, isBusy: true }, admission: "probe" };
    case "open": {
      if (nowMs < state.untilMs) return { state, admission: "refused" };
      const { openings } = state;
      return { state: { kind: "probing", failures: 0, openings, isBusy: true }, admission: "probe" };
    }
    default:
      return assertNever(state);
  }
}

/** The state after an admitted command's end. */
export function conclude(
  state: BreakerState,
  end: { readonly verdict: Verdict; readonly wasProbe: boolean; readonly nowMs: number },
  random: Pick<Random, "fraction">,
): BreakerState {
  const { verdict, wasProbe, nowMs } = end;
  // Whoever it was, and whenever it was let in: the vault answers.
  if (verdict === "success") return { kind: "closed" };
  switch (state.kind) {
    case "closed":
      return verdict === "failure" ? { kind: "probing", failures: 1, openings: 0, isBusy: false } : state;
    case "probing": {
      const isBusy = wasProbe ? false : state.isBusy;
      if (verdict === "neutral") return { ...state, isBusy };
      const failures = state.failures + 1;
      // After a pause one failed probe is enough.
      const opens = failures >= FAILURES_TO_OPEN || (state.openings > 0 && wasProbe);
      if (!opens) return { ...state, failures, isBusy };
      const openings = state.openings + 1;
      return { kind: "open", untilMs: nowMs + pauseMs(openings, random), openings };
    }
    case "open":
      // One that was let in before it opened.
      return state;
    default:
      return assertNever(state);
  }
}

// Half of it certain, half of it chance: sinks don't probe in step, and never without a pause.
function pauseMs(openings: number, random: Pick<Random, "fraction">): number {
  const ceilingMs = Math.min(PAUSE.capMs, PAUSE.firstMs * PAUSE.factor ** (openings - 1));
  return (
    ceilingMs / 2 +
    backoffMs(openings, { ...PAUSE, firstMs: PAUSE.firstMs / 2, capMs: PAUSE.capMs / 2 }, random)
  );
}
