// Hazard recover-then-crash: A recovery is under way, its sink dies, and the source deletes meanwhile.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const recoverThenCrash: Scenario = {
  name: "recover-then-crash",
  steps: [
    ...opening(),
    ...at(
      60,
      { do: "soft-delete", deletingS: 1, recoveringS: 60, forS: 200 },
      { do: "delete", path: PATH, back: 0 },
    ),
    ...at(80, { do: "undelete", path: PATH, back: 0 }),
    ...at(
      83,
      { do: "kill", role: "sink-1", forS: 5 },
      { do: "kill", role: "sink-2", forS: 5 },
      { do: "kill", role: "sink-3", forS: 5 },
      { do: "delete", path: PATH, back: 0 },
    ),
  ],
  healAtS: 500,
  expect: expectHeld("none"),
};
