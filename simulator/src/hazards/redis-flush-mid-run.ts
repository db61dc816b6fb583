// Hazard redis-flush-mid-run: Redis is emptied: no version more is written.
import { at, held, opening, PATH, type Scenario, versionsOf } from "./scenario.ts";

export const redisFlushMidRun: Scenario = {
  name: "redis-flush-mid-run",
  steps: [
    ...opening(),
    ...at(60, { do: "flush" }),
    ...at(62, { do: "write", path: PATH }),
    ...at(62.2, { do: "flush" }),
  ],
  healAtS: 300,
  expect: () => {
    if (held() !== "2") return `the name holds ${held()}, expected 2`;
    return versionsOf() === 2 ? undefined : `${versionsOf()} versions, expected 2`;
  },
};
