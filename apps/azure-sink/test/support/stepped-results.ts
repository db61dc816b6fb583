// SYNC_RESULTS under a clock that a test has moved: JetStream's times are moved along by what the clock was ahead when
// the message was appended.
import type { Bus } from "@keyferry/bus";
import type { ResultLog } from "../../src/ports.ts";
import type { SteppingClock } from "./stepping-clock.ts";

export function steppedResults(results: Bus["results"], clock: SteppingClock): ResultLog {
  const offsetsMs = new Map<number, number>();
  return {
    async last(destination, key) {
      const entry = await results.last(destination, key);
      return entry && { ...entry, time: entry.time + (offsetsMs.get(entry.sequence) ?? 0) };
    },
    async append(destination, key, record, expectedSequence) {
      const offsetMs = clock.offsetMs;
      const result = await results.append(destination, key, record, expectedSequence);
      if (result.kind !== "lost") offsetsMs.set(result.sequence, offsetMs);
      return result;
    },
  };
}
