// P1 for the detector: whatever happens at the source, whichever hints are lost, doubled or late, and however often the
// detector is restarted, the fold of the log ends at the source's metadata.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { SimulatedWorld } from "./simulated/world.ts";

const path = fc.constantFrom("a", "b", "c/d", "e");
const hinting = fc.constantFrom("hinted", "lost", "doubled", "late");
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ op: fc.constant("write" as const), path, hinting }) },
  fc.record({
    op: fc.constantFrom("remove", "undelete", "destroy"),
    path,
    version: fc.integer({ min: 1, max: 4 }),
    hinting,
  }),
  fc.record({ op: fc.constant("removeMetadata" as const), path, hinting }),
  fc.record({ op: fc.constant("setMetadata" as const), path, expiryMs: fc.constantFrom(0, 4_000), hinting }),
  fc.record({ op: fc.constant("wait" as const), ms: fc.constantFrom(1, 100, 3_000, 40_000) }),
  fc.record({ op: fc.constant("restart" as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;
type Change = Exclude<Step, { op: "wait" | "restart" }>;

const RUNS = Number(process.env["KF_PROP_RUNS"] ?? 40);
const SWEEP_MS = 50_000;
const OPERATIONS = {
  write: "write",
  remove: "delete",
  undelete: "undelete",
  destroy: "destroy",
  removeMetadata: "metadata-delete",
  setMetadata: "metadata-write",
} as const;

function change({ model }: SimulatedWorld, step: Change): number | undefined {
  if (step.op === "write") return model.write(step.path);
  if (step.op === "removeMetadata") model.removeMetadata(step.path);
  else if (step.op === "setMetadata") model.setMetadata(step.path, {}, step.expiryMs);
  else model[step.op](step.path, step.version);
  return undefined;
}

async function run(world: SimulatedWorld, steps: readonly Step[]): Promise<void> {
  const late: (() => void)[] = [];
  await world.start();
  for (const step of steps) {
    if (step.op === "wait") {
      await world.clock.advance(step.ms);
      continue;
    }
    if (step.op === "restart") {
      await world.stop();
      await world.start();
      continue;
    }
    const version = change(world, step);
    const hint = (): void => world.hintOf(step.path, OPERATIONS[step.op], version);
    if (step.hinting === "late") late.push(hint);
    if (step.hinting === "hinted" || step.hinting === "doubled") hint();
    if (step.hinting === "doubled") hint();
  }
  for (const hint of late.toReversed()) hint();
  // Two sweeps, and time for the doubts of both.
  await world.clock.advance(2 * SWEEP_MS + 70_000);
}

test("the fold of the log is the source's metadata, for every history", { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const world = new SimulatedWorld({ sweepIntervalMs: SWEEP_MS });
      try {
        await run(world, steps);
        const paths = new Set([
          ...world.model.paths,
          ...world.log.events.map(({ event }) => event.secret.path),
        ]);
        const wrong = [...paths].filter((each) => {
          const folded = JSON.stringify(world.folded(each));
          return folded !== JSON.stringify(world.model.state(each));
        });
        expect(wrong).toEqual([]);
      } finally {
        await world.stop();
      }
    }),
    { numRuns: RUNS },
  );
});
