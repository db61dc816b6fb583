// Hazard drift-list-races-put: A drift check reads its list while names are being written.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const driftListRacesPut: Scenario = {
  name: "drift-list-races-put",
  steps: [
    ...opening(),
    ...at(60, { do: "slow", server: "vault", chance: 0.5, upToS: 3, forS: 4_000 }),
    ...[3_500, 3_560, 3_600, 3_620, 3_640].flatMap((second) => at(second, { do: "write", path: PATH })),
  ],
  healAtS: 4200,
  expect: expectHeld("6"),
};
