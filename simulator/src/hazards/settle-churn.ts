// Hazard settle-churn: The vault is away while settle goes round and round: each wish keeps its place.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const settleChurn: Scenario = {
  name: "settle-churn",
  steps: [
    ...opening(),
    ...at(60, { do: "away", server: "vault", forS: 300 }),
    ...at(61, { do: "write", path: PATH }),
    ...at(200, { do: "write", path: PATH }),
  ],
  healAtS: 500,
  expect: expectHeld("3"),
};
