// Hazard blind-first-put: A person made the name before it was claimed: it stays theirs.
import { at, expectHeld, HOST, NAME, PATH, type Scenario } from "./scenario.ts";

export const blindFirstPut: Scenario = {
  name: "blind-first-put",
  steps: [
    ...at(1, { do: "write", path: PATH }),
    ...at(15, { do: "destination", destination: "east", host: HOST, template: "a-{{ .SecretPath }}" }),
    ...at(18, { do: "foreign-secret", host: HOST, name: NAME }),
    ...at(20, { do: "set", path: PATH, destination: "east" }),
  ],
  healAtS: 300,
  expect: expectHeld("foreign"),
};
