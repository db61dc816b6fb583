// Hazard jitter-at-the-ceiling: 340 names are claimed at once over a network that jitters: never 300 in any 10 s (P6).
import { at, HOST, type Scenario } from "./scenario.ts";
import { world } from "../world.ts";

const PATHS = Array.from({ length: 340 }, (_, index) => `s/${index}`);
const S_MIN = 340 / 30;

export const jitterAtTheCeiling: Scenario = {
  name: "jitter-at-the-ceiling",
  steps: [
    ...at(1, ...PATHS.map((path) => ({ do: "write", path }) as const)),
    ...at(15, { do: "destination", destination: "east", host: HOST, template: "a-{{ .SecretPath }}" }),
    ...at(20, ...PATHS.map((path) => ({ do: "set", path, destination: "east" }) as const)),
    ...at(21, { do: "slow", server: "vault", chance: 0.3, upToS: 0.3, forS: 120 }),
    ...at(26, { do: "fail-over", lostMs: 500 }),
  ],
  healAtS: 150,
  expect: () => {
    const firsts = world()
      .vaults.secretsOf(HOST)
      .map(({ createdAt }) => createdAt);
    if (firsts.length !== PATHS.length) return `${firsts.length} names are there, expected ${PATHS.length}`;
    const tookS = (Math.max(...firsts) - Math.min(...firsts)) / 1_000;
    // Else the ceiling was never near, and nothing was shown.
    return tookS < 2 * S_MIN ? undefined : `it took ${tookS} s, at the ceiling it is ${S_MIN.toFixed(1)} s`;
  },
};
