// Hazard incarnation-cannot-be-ordered: The path is deleted and made anew: version 1 of the new one wins over version 4 of the old one.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const incarnationCannotBeOrdered: Scenario = {
  name: "incarnation-cannot-be-ordered",
  steps: [
    ...opening(),
    ...at(50, { do: "write", path: PATH }),
    ...at(52, { do: "write", path: PATH }),
    ...at(60, { do: "delete-metadata", path: PATH }),
    ...at(61, { do: "write", path: PATH }),
  ],
  healAtS: 400,
  expect: expectHeld("4"),
};
