// Hazard held-then-alive: A held delete, and the secret comes back: it is in step again without anybody.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const heldThenAlive: Scenario = {
  name: "held-then-alive",
  steps: [
    ...opening(),
    ...at(60, { do: "delete", path: PATH, back: 0 }),
    ...at(120, { do: "write", path: PATH }),
  ],
  healAtS: 400,
  expect: expectHeld("2"),
  settings: { deletesPerHour: 0 },
};
