// Hazard wrong-cluster: Another server answers at the source's address, with the same mount and none of the secrets.
import { at, expectHeld, opening, type Scenario } from "./scenario.ts";

export const wrongCluster: Scenario = {
  name: "wrong-cluster",
  steps: [...opening(), ...at(60, { do: "other-cluster", forS: 300 })],
  healAtS: 500,
  expect: expectHeld("1"),
};
