// Hazard late-put-after-lock: A PUT lands minutes late, over what another sink has written.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const latePutAfterLock: Scenario = {
  name: "late-put-after-lock",
  steps: [
    ...opening(),
    ...at(59, { do: "slow", server: "vault", chance: 0.8, upToS: 240, forS: 3 }),
    ...at(60, { do: "write", path: PATH }),
    ...at(75, { do: "write", path: PATH }),
    ...at(90, { do: "write", path: PATH }),
  ],
  healAtS: 400,
  expect: expectHeld("4"),
};
