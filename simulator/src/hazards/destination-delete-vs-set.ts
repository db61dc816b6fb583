// Hazard destination-delete-vs-set: A destination is purged while an association is set on it.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const destinationDeleteVsSet: Scenario = {
  name: "destination-delete-vs-set",
  steps: [
    ...opening(),
    ...at(
      60,
      { do: "purge-destination", destination: "east" },
      { do: "set", path: PATH, destination: "east" },
      { do: "set", path: PATH, destination: "east" },
    ),
  ],
  healAtS: 400,
  expect: expectHeld("none"),
};
