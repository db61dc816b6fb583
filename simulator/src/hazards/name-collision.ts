// Hazard name-collision: Two destinations of one vault give one name: the second set is refused until the name is free.
import { at, expectHeld, HOST, opening, PATH, type Scenario } from "./scenario.ts";

export const nameCollision: Scenario = {
  name: "name-collision",
  steps: [
    ...opening(),
    ...at(16, { do: "destination", destination: "two", host: HOST, template: "a-{{ .SecretPath }}" }),
    ...at(60, { do: "set", path: PATH, destination: "two" }),
    ...at(90, { do: "write", path: PATH }),
    ...at(150, { do: "remove", path: PATH, destination: "east" }),
    ...at(200, { do: "set", path: PATH, destination: "two" }),
  ],
  healAtS: 500,
  expect: expectHeld("2"),
};
