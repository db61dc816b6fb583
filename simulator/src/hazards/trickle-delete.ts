// Hazard trickle-delete: One delete every twenty minutes, two allowed an hour and a day: the third waits.
import { at, held, opening, type Scenario } from "./scenario.ts";

export const trickleDelete: Scenario = {
  name: "trickle-delete",
  steps: [
    ...opening(),
    ...["s/1", "s/2", "s/3"].flatMap((path, index) => [
      ...at(2 + index / 10, { do: "write", path }),
      ...at(30 + index, { do: "set", path, destination: "east" }),
    ]),
    ...["s/1", "s/2", "s/3"].flatMap((path, index) =>
      at(90 + index * 4_000, { do: "delete", path, back: 0 }),
    ),
  ],
  healAtS: 9000,
  expect: () => {
    const left = ["a-s-1", "a-s-2", "a-s-3"].filter((name) => held(name) !== "none").length;
    return left === 1 ? undefined : `${left} secrets are left, expected 1`;
  },
  settings: { deletesPerHour: 2 },
};
