// Hazard live-and-bulk-pending: Commands of one key in both lanes: the older one changes nothing.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const liveAndBulkPending: Scenario = {
  name: "live-and-bulk-pending",
  steps: [
    ...opening(),
    ...at(
      60,
      { do: "kill", role: "sink-1", forS: 60 },
      { do: "kill", role: "sink-2", forS: 60 },
      { do: "kill", role: "sink-3", forS: 60 },
      { do: "write", path: PATH },
    ),
    ...at(95, { do: "remove", path: PATH, destination: "east" }),
  ],
  healAtS: 400,
  expect: expectHeld("none"),
};
