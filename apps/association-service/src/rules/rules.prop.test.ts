// Rules, exclusions and sets in any order against a model of a few lines. KF_PROP_RUNS and KF_PROP_SEED repeat a run.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { DESTINATION } from "../resolve/fixtures.ts";
import { keyOf, rule, ruledWorld, stateWith } from "./fixtures.ts";

const SETTINGS = {
  numRuns: Number(process.env["KF_PROP_RUNS"] ?? 300),
  ...(process.env["KF_PROP_SEED"] === undefined ? {} : { seed: Number(process.env["KF_PROP_SEED"]) }),
};
const PATHS = ["app/a", "app/b", "c"] as const;
const path = fc.constantFrom(...PATHS);
const step = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), path }),
  fc.record({ kind: fc.constant("remove" as const), path }),
  // The unsync of a removed association has ended: its tombstone goes.
  fc.record({ kind: fc.constant("forget" as const), path }),
  fc.record({ kind: fc.constant("see" as const), path, metadata: fc.constantFrom("yes", "no", "gone") }),
  fc.record({
    kind: fc.constant("rule" as const),
    name: fc.constantFrom("r1", "r2"),
    glob: fc.constantFrom("**", "app/*", "c"),
    optIn: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("unrule" as const), name: fc.constantFrom("r1", "r2") }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

interface Secret {
  set: boolean;
  tombstone: boolean;
  excluded: boolean;
  metadata: "unseen" | "yes" | "no" | "gone";
}

/** What is effective, said as simply as it can be. */
class Model {
  readonly secrets = new Map<string, Secret>(
    PATHS.map((one) => [one, { set: false, tombstone: false, excluded: false, metadata: "unseen" }]),
  );
  readonly rules = new Map<string, { glob: string; optIn: boolean }>();

  covered(one: string): boolean {
    const { metadata } = this.#of(one);
    if (metadata === "unseen" || metadata === "gone") return false;
    return [...this.rules.values()].some(({ glob, optIn }) => {
      const matches = glob === "**" || (glob === "app/*" ? one.startsWith("app/") : one === glob);
      return matches && (!optIn || metadata === "yes");
    });
  }

  apply(action: Step): void {
    switch (action.kind) {
      case "set":
        Object.assign(this.#of(action.path), { set: true, tombstone: false, excluded: false });
        break;
      case "remove": {
        const secret = this.#of(action.path);
        if (this.covered(action.path))
          Object.assign(secret, { set: false, tombstone: false, excluded: true });
        else if (secret.set) Object.assign(secret, { set: false, tombstone: true });
        break;
      }
      case "forget":
        this.#of(action.path).tombstone = false;
        break;
      case "see":
        this.#of(action.path).metadata = action.metadata as Secret["metadata"];
        break;
      case "rule":
        this.rules.set(action.name, { glob: action.glob, optIn: action.optIn });
        break;
      case "unrule":
        this.rules.delete(action.name);
        break;
    }
  }

  effective(): string[] {
    return [...this.secrets]
      .filter(([one, { set, tombstone, excluded }]) => set || (this.covered(one) && !tombstone && !excluded))
      .map(([one]) => one)
      .sort();
  }

  #of(one: string): Secret {
    const secret = this.secrets.get(one);
    if (secret === undefined) throw new Error(one);
    return secret;
  }
}

async function act(world: ReturnType<typeof ruledWorld>, action: Step): Promise<void> {
  const match = { mounts: ["kv"], paths: action.kind === "rule" ? [action.glob] : [] };
  switch (action.kind) {
    case "set":
      await world.set(action.path);
      break;
    case "remove":
      await world.remove(action.path);
      break;
    case "forget": {
      const key = `${DESTINATION.uid}.${keyOf(action.path)}`;
      if ((await world.associations.get(key))?.value.state === "removed")
        world.associations.force(key, undefined);
      break;
    }
    case "see": {
      const { metadata } = action;
      world.see(action.path, metadata === "gone" ? { kind: "gone" } : stateWith({ sync: metadata }));
      break;
    }
    case "rule": {
      const customMetadata: Record<string, string> = action.optIn ? { sync: "yes" } : {};
      world.rules.force(action.name, rule(action.name, { match: { ...match, customMetadata } }));
      break;
    }
    case "unrule":
      world.rules.force(action.name, undefined);
      break;
  }
}

test("rules, exclusions and sets in any order give the same effective set as a simple model", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const world = ruledWorld();
      const model = new Model();
      for (const action of steps) {
        await act(world, action);
        model.apply(action);
        const found = world.active().map((line) => line.replace(/ by .*/, ""));
        expect(found).toEqual(model.effective());
      }
    }),
    SETTINGS,
  );
});
