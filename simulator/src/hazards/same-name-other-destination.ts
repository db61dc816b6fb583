// Hazard same-name-other-destination: A destination is purged and made anew under its name with another vault.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const sameNameOtherDestination: Scenario = {
  name: "same-name-other-destination",
  steps: [
    ...opening(),
    ...at(60, { do: "purge-destination", destination: "east" }),
    ...at(100, {
      do: "destination",
      destination: "east",
      host: "second.vault.azure.net",
      template: "a-{{ .SecretPath }}",
    }),
    ...at(130, { do: "set", path: PATH, destination: "east" }),
  ],
  healAtS: 400,
  expect: expectHeld("none"),
};
