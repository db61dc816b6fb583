// Hazard mount-reenabled: The mount is disabled and enabled at one path: nothing in Key Vault moves.
import { at, expectHeld, opening, type Scenario } from "./scenario.ts";

export const mountReenabled: Scenario = {
  name: "mount-reenabled",
  steps: [...opening(), ...at(60, { do: "remount-source" })],
  healAtS: 400,
  expect: expectHeld("1"),
};
