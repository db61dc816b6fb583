// Owns: the way of a change as its spans tell it: when each step began after the first, and how long it took. Pure.
import type { CollectedSpan } from "@keyferry/testkit";

interface Step {
  readonly beganMs: number[];
  readonly tookMs: number[];
}

// A step that few of the changes have (a second look, a retry) would tell of those alone.
const SHARE_MIN = 0.5;

/** Lines of a table, by the medians over the last `count` changes that came to Key Vault. */
export function timeline(spans: readonly CollectedSpan[], count: number): readonly string[] {
  const traces = [...Map.groupBy(spans, ({ traceId }) => traceId).values()]
    .filter((trace) => trace.some(({ name }) => name === "key-vault PUT"))
    .map((trace) => trace.toSorted((a, b) => a.startedMs - b.startedMs))
    .toSorted((a, b) => (a[0]?.startedMs ?? 0) - (b[0]?.startedMs ?? 0))
    .slice(-count);
  const steps = new Map<string, Step>();
  for (const trace of traces) addSteps(steps, trace);
  return [
    `steps of ${traces.length} changes (medians, ms): began, took`,
    ...[...steps]
      .filter(([, { beganMs }]) => beganMs.length >= traces.length * SHARE_MIN)
      .map(([name, { beganMs, tookMs }]) => ({ name, began: median(beganMs), took: median(tookMs) }))
      .toSorted((a, b) => a.began - b.began)
      .map(
        ({ name, began, took }) => `${began.toFixed(1).padStart(8)} ${took.toFixed(1).padStart(8)}   ${name}`,
      ),
  ];
}

function addSteps(steps: Map<string, Step>, trace: readonly CollectedSpan[]): void {
  const first = trace[0]?.startedMs ?? 0;
  const seen = new Map<string, number>();
  for (const { service, name, startedMs, endedMs } of trace) {
    // A consumer's name holds the destination's uid.
    const what = `${service}: ${name.replace(/sink-[a-z2-7]{20}-/u, "sink-")}`;
    const times = (seen.get(what) ?? 0) + 1;
    seen.set(what, times);
    const key = times === 1 ? what : `${what}, number ${times}`;
    const step = steps.get(key) ?? { beganMs: [], tookMs: [] };
    steps.set(key, step);
    step.beganMs.push(startedMs - first);
    step.tookMs.push(endedMs - startedMs);
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
