// Hazard purged-and-remade: Ours is deleted and purged by a person, who makes the name anew: the unsync leaves it alone.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const purgedAndRemade: Scenario = {
  name: "purged-and-remade",
  steps: [
    ...opening(),
    ...at(60, { do: "foreign", act: "delete", path: PATH, destination: "east" }),
    ...at(70, { do: "foreign", act: "take", path: PATH, destination: "east" }),
    ...at(90, { do: "remove", path: PATH, destination: "east" }),
  ],
  healAtS: 300,
  expect: expectHeld("foreign"),
};
