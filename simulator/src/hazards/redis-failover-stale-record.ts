// Hazard redis-failover-stale-record: A replica without the last writes is promoted, again and again.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const redisFailoverStaleRecord: Scenario = {
  name: "redis-failover-stale-record",
  steps: [
    ...opening(),
    ...at(60, { do: "write", path: PATH }),
    ...at(61, { do: "fail-over", lostMs: 10_000 }),
    ...at(62, { do: "write", path: PATH }),
    ...at(62.3, { do: "fail-over", lostMs: 10_000 }),
    ...at(63, { do: "write", path: PATH }),
    ...at(64, { do: "fail-over", lostMs: 10_000 }),
  ],
  healAtS: 300,
  expect: expectHeld("4"),
};
