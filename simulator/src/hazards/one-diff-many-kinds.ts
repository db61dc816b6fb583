// Hazard one-diff-many-kinds: One look shows a new version, a deletion and new metadata; the detector dies right after it.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const oneDiffManyKinds: Scenario = {
  name: "one-diff-many-kinds",
  steps: [
    ...opening(),
    ...at(60, { do: "hints", loss: 1, copies: 0, forS: 100 }),
    ...at(
      61,
      { do: "write", path: PATH },
      { do: "write", path: PATH },
      { do: "metadata", path: PATH, label: "x", deleteAfterS: 0 },
      { do: "delete", path: PATH, back: 0 },
    ),
    ...at(120.1, { do: "kill", role: "detector-1", forS: 10 }, { do: "kill", role: "detector-2", forS: 10 }),
  ],
  healAtS: 400,
  expect: expectHeld("2"),
};
