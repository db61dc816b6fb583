// Hazard late-delete-after-lock: A DELETE lands minutes late, over what was written anew.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const lateDeleteAfterLock: Scenario = {
  name: "late-delete-after-lock",
  steps: [
    ...opening(),
    ...at(59, { do: "slow", server: "vault", chance: 0.8, upToS: 240, forS: 3 }),
    ...at(60, { do: "delete", path: PATH, back: 0 }),
    ...at(75, { do: "undelete", path: PATH, back: 0 }, { do: "write", path: PATH }),
  ],
  healAtS: 400,
  expect: expectHeld("2"),
};
