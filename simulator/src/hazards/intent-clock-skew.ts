// Hazard intent-clock-skew: The sink that finds an intent has a clock that is 30 s ahead.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const intentClockSkew: Scenario = {
  name: "intent-clock-skew",
  steps: [
    ...opening(),
    ...at(60, { do: "slow", server: "vault", chance: 1, upToS: 8, forS: 20 }),
    ...at(61, { do: "write", path: PATH }),
    ...at(61.4, { do: "kill", role: "sink-2", forS: 30 }),
    ...at(66, { do: "write", path: PATH }),
  ],
  healAtS: 400,
  expect: expectHeld("3"),
  settings: { skewMs: { "sink-1": 30_000, "sink-3": -30_000 } },
};
