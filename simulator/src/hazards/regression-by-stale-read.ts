// Hazard regression-by-stale-read: Standbys that are behind answer: nothing is deleted, nothing goes back in the vault.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const regressionByStaleRead: Scenario = {
  name: "regression-by-stale-read",
  steps: [
    ...opening(),
    ...at(40, { do: "standby", lagMs: 1_500, forS: 300 }),
    ...at(60, { do: "write", path: PATH }),
    ...at(61, { do: "write", path: PATH }),
    ...at(90, { do: "write", path: PATH }),
    ...at(120, { do: "delete", path: PATH, back: 0 }),
    ...at(130, { do: "undelete", path: PATH, back: 0 }),
  ],
  healAtS: 400,
  expect: expectHeld("4"),
};
