// Hazard delete-undelete-delete: v3 is deleted, undeleted and deleted again: three events, and nothing is left at the end.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const deleteUndeleteDelete: Scenario = {
  name: "delete-undelete-delete",
  steps: [
    ...opening(),
    ...at(60, { do: "write", path: PATH }, { do: "write", path: PATH }),
    ...at(
      80,
      { do: "delete", path: PATH, back: 0 },
      { do: "delete", path: PATH, back: 1 },
      { do: "delete", path: PATH, back: 2 },
    ),
    ...at(100, { do: "undelete", path: PATH, back: 0 }),
    ...at(120, { do: "delete", path: PATH, back: 0 }),
  ],
  healAtS: 200,
  expect: expectHeld("none"),
};
