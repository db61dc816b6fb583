// Hazard stale-sweep-page: Sweeps and hints look at the same secret while it changes: no event goes back.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const staleSweepPage: Scenario = {
  name: "stale-sweep-page",
  steps: [
    ...opening(),
    ...at(60, { do: "slow", server: "source", chance: 0.5, upToS: 3, forS: 300 }),
    ...at(118, { do: "write", path: PATH }),
    ...at(119, { do: "write", path: PATH }),
    ...at(120, { do: "delete", path: PATH, back: 0 }),
    ...at(121, { do: "write", path: PATH }),
    ...at(240, { do: "write", path: PATH }),
    ...at(241, { do: "delete", path: PATH, back: 0 }),
  ],
  healAtS: 400,
  expect: expectHeld("4"),
};
