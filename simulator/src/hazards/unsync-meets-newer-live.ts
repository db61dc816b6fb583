// Hazard unsync-meets-newer-live: A permitted unsync is under way when the secret is written anew.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const unsyncMeetsNewerLive: Scenario = {
  name: "unsync-meets-newer-live",
  steps: [
    ...opening(),
    ...at(
      60,
      { do: "freeze", role: "sink-1", forS: 20 },
      { do: "freeze", role: "sink-2", forS: 20 },
      { do: "freeze", role: "sink-3", forS: 20 },
      { do: "delete", path: PATH, back: 0 },
    ),
    ...at(79.95, { do: "write", path: PATH }),
  ],
  healAtS: 500,
  expect: expectHeld("2"),
};
