// Hazard redelivered-event: A resolver stalls on an event while another publishes the next: the older one comes again later.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const redeliveredEvent: Scenario = {
  name: "redelivered-event",
  steps: [
    ...opening(),
    ...at(60, { do: "write", path: PATH }),
    ...at(60.2, { do: "freeze", role: "resolver-1", forS: 90 }),
    ...at(62, { do: "write", path: PATH }),
    ...at(64, { do: "write", path: PATH }),
  ],
  healAtS: 300,
  expect: expectHeld("4"),
};
