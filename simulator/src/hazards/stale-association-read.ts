// Hazard stale-association-read: A deposed leader still shows an association that was removed.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const staleAssociationRead: Scenario = {
  name: "stale-association-read",
  steps: [
    ...opening(),
    ...at(60, { do: "stale-reads", behindMs: 1_500, forS: 20 }),
    ...at(60.5, { do: "remove", path: PATH, destination: "east" }),
    ...at(60.6, { do: "write", path: PATH }),
  ],
  healAtS: 300,
  expect: expectHeld("none"),
};
