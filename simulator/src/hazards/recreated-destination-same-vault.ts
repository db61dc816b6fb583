// Hazard recreated-destination-same-vault: Old uid's unsync and new uid's sync meet in one name.
import { at, expectHeld, HOST, opening, PATH, type Scenario } from "./scenario.ts";

export const recreatedDestinationSameVault: Scenario = {
  name: "recreated-destination-same-vault",
  steps: [
    ...opening(),
    ...at(60, { do: "away", server: "vault", forS: 60 }),
    ...at(61, { do: "purge-destination", destination: "east" }),
    ...at(62, { do: "destination", destination: "two", host: HOST, template: "a-{{ .SecretPath }}" }),
    ...at(64, { do: "set", path: PATH, destination: "two" }),
    ...at(100, { do: "write", path: PATH }),
  ],
  healAtS: 500,
  expect: expectHeld("2"),
};
