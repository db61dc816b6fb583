// Hazard value-read-before-token: The vault's rate is used up: a value is read only when there is leave to send it.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const valueReadBeforeToken: Scenario = {
  name: "value-read-before-token",
  steps: [
    ...opening(),
    ...at(50, { do: "vault-limit", creates: 1, forS: 120 }),
    ...at(60, { do: "write", path: PATH }),
    ...at(61, { do: "write", path: PATH }),
    ...at(62, { do: "write", path: PATH }),
    ...at(63, { do: "write", path: PATH }),
  ],
  healAtS: 500,
  expect: expectHeld("5"),
};
