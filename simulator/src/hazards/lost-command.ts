// Hazard lost-command: SYNC_DESIRED loses its tail: settle finds out.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const lostCommand: Scenario = {
  name: "lost-command",
  steps: [
    ...opening(),
    ...at(50, { do: "save-stream", stream: "SYNC_DESIRED" }),
    ...at(
      60,
      { do: "kill", role: "sink-1", forS: 20 },
      { do: "kill", role: "sink-2", forS: 20 },
      { do: "kill", role: "sink-3", forS: 20 },
    ),
    ...at(62, { do: "write", path: PATH }),
    ...at(70, { do: "lose-tail", stream: "SYNC_DESIRED" }),
  ],
  healAtS: 400,
  expect: expectHeld("2"),
};
