// Hazard redis-away: Redis is away: sinks stop writing, and go on afterwards.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const redisAway: Scenario = {
  name: "redis-away",
  steps: [
    ...opening(),
    ...at(60, { do: "away", server: "redis", forS: 60 }),
    ...at(61, { do: "write", path: PATH }),
  ],
  healAtS: 300,
  expect: expectHeld("2"),
};
