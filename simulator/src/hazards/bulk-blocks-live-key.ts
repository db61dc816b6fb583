// Hazard bulk-blocks-live-key: Bulk items queue for tokens while a live change comes.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const bulkBlocksLiveKey: Scenario = {
  name: "bulk-blocks-live-key",
  steps: [
    ...opening(),
    ...at(50, { do: "vault-limit", creates: 2, forS: 120 }),
    ...["s/1", "s/2", "s/3", "s/4"].flatMap((path, index) => [
      ...at(2 + index / 10, { do: "write", path }),
      ...at(60, { do: "set", path, destination: "east" }),
    ]),
    ...at(62, { do: "write", path: PATH }),
  ],
  healAtS: 400,
  expect: expectHeld("6"),
};
