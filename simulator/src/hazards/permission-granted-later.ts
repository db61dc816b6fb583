// Hazard permission-granted-later: The sinks may not write for a while: they go on when they may.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const permissionGrantedLater: Scenario = {
  name: "permission-granted-later",
  steps: [...opening(), ...at(59, { do: "vault-denied", forS: 120 }), ...at(60, { do: "write", path: PATH })],
  healAtS: 500,
  expect: expectHeld("2"),
};
