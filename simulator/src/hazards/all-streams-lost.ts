// Hazard all-streams-lost: Events, commands and outcomes are lost together.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const allStreamsLost: Scenario = {
  name: "all-streams-lost",
  steps: [
    ...opening(),
    ...at(
      60,
      { do: "lose-stream", stream: "KV2_EVENTS" },
      { do: "lose-stream", stream: "SYNC_DESIRED" },
      { do: "lose-stream", stream: "SYNC_RESULTS" },
    ),
    ...at(61, { do: "kill", role: "resolver-1", forS: 5 }, { do: "kill", role: "resolver-2", forS: 8 }),
    ...at(90, { do: "write", path: PATH }),
  ],
  healAtS: 600,
  expect: expectHeld("2"),
};
