// Hazard two-detectors-one-paused: The detector that works is stopped for longer than its lease, and goes on with what it had read.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const twoDetectorsOnePaused: Scenario = {
  name: "two-detectors-one-paused",
  steps: [
    ...opening(),
    ...at(59.99, { do: "write", path: PATH }),
    ...at(60, { do: "freeze", role: "detector-1", forS: 30 }, { do: "freeze", role: "detector-2", forS: 8 }),
    ...at(70, { do: "write", path: PATH }),
    ...at(85, { do: "write", path: PATH }),
  ],
  healAtS: 200,
  expect: expectHeld("4"),
};
