// Hazard later-set-lost: A waiting name is parked in Redis, which is lost.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const laterSetLost: Scenario = {
  name: "later-set-lost",
  steps: [
    ...opening(),
    ...at(59, { do: "away", server: "vault", forS: 60 }),
    ...at(60, { do: "write", path: PATH }),
    ...at(80, { do: "flush" }),
  ],
  healAtS: 500,
  expect: expectHeld("2"),
};
