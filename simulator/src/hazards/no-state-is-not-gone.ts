// Hazard no-state-is-not-gone: The event log is lost: no state is not a deletion.
import { at, expectHeld, opening, type Scenario } from "./scenario.ts";

export const noStateIsNotGone: Scenario = {
  name: "no-state-is-not-gone",
  steps: [
    ...opening(),
    ...at(60, { do: "lose-stream", stream: "KV2_EVENTS" }),
    ...at(
      61,
      { do: "kill", role: "resolver-1", forS: 5 },
      { do: "kill", role: "resolver-2", forS: 5 },
      { do: "kill", role: "detector-1", forS: 30 },
      { do: "kill", role: "detector-2", forS: 30 },
    ),
  ],
  healAtS: 300,
  expect: expectHeld("1"),
};
