// Hazard crash-between-put-and-record: Answers of the vault are lost after their effect: a look-up, not a version.
import { at, held, opening, PATH, type Scenario, versionsOf } from "./scenario.ts";

export const crashBetweenPutAndRecord: Scenario = {
  name: "crash-between-put-and-record",
  steps: [
    ...opening(),
    ...at(59, { do: "lost-answers", server: "vault", chance: 0.6, forS: 8 }),
    ...at(60, { do: "write", path: PATH }),
  ],
  healAtS: 300,
  expect: () => {
    if (held() !== "2") return `the name holds ${held()}, expected 2`;
    return versionsOf() === 2 ? undefined : `${versionsOf()} versions, expected 2`;
  },
};
