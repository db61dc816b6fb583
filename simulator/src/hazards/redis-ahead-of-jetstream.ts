// Hazard redis-ahead-of-jetstream: JetStream loses its tail, Redis does not.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const redisAheadOfJetstream: Scenario = {
  name: "redis-ahead-of-jetstream",
  steps: [
    ...opening(),
    ...at(50, { do: "save-stream", stream: "SYNC_DESIRED" }, { do: "save-stream", stream: "SYNC_RESULTS" }),
    ...at(60, { do: "write", path: PATH }),
    ...at(62, { do: "write", path: PATH }),
    ...at(80, { do: "lose-tail", stream: "SYNC_DESIRED" }, { do: "lose-tail", stream: "SYNC_RESULTS" }),
    ...at(90, { do: "write", path: PATH }),
  ],
  healAtS: 500,
  expect: expectHeld("4"),
};
