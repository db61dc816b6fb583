// Hazard remove-races-event: A person removes the association at the moment of a change.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const removeRacesEvent: Scenario = {
  name: "remove-races-event",
  steps: [
    ...opening(),
    ...at(60, { do: "write", path: PATH }),
    ...at(60.08, { do: "remove", path: PATH, destination: "east" }),
    ...at(60.1, { do: "freeze", role: "resolver-1", forS: 20 }),
  ],
  healAtS: 300,
  expect: expectHeld("none"),
};
