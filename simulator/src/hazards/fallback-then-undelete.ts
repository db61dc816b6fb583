// Hazard fallback-then-undelete: v3, then v2 as v3 is deleted, then v3 again: three versions for three wishes.
import { at, held, opening, PATH, type Scenario, versionsOf } from "./scenario.ts";

export const fallbackThenUndelete: Scenario = {
  name: "fallback-then-undelete",
  steps: [
    ...opening(),
    ...at(60, { do: "write", path: PATH }),
    ...at(70, { do: "write", path: PATH }),
    ...at(100, { do: "delete", path: PATH, back: 0 }),
    ...at(140, { do: "undelete", path: PATH, back: 0 }),
  ],
  healAtS: 300,
  expect: () => {
    if (held() !== "3") return `the name holds ${held()}, expected 3`;
    // v1, v2, v3, v2 again, v3 again.
    return versionsOf() === 5 ? undefined : `${versionsOf()} versions, expected 5`;
  },
};
