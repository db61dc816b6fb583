// Hazard standby-one-behind: The sink reads a standby that still shows the deleted version.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const standbyOneBehind: Scenario = {
  name: "standby-one-behind",
  steps: [
    ...opening(),
    ...at(40, { do: "standby", lagMs: 1_500, forS: 200 }),
    ...at(60, { do: "delete", path: PATH, back: 0 }),
  ],
  healAtS: 400,
  expect: expectHeld("none"),
};
