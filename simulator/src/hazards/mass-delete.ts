// Hazard mass-delete: Five secrets are deleted, two deletes an hour are allowed: three wait for a person.
import { at, held, NAME, opening, PATH, type Scenario } from "./scenario.ts";

export const massDelete: Scenario = {
  name: "mass-delete",
  steps: [
    ...opening(),
    ...["s/1", "s/2", "s/3", "s/4"].flatMap((path, index) => [
      ...at(2 + index / 10, { do: "write", path }),
      ...at(30 + index, { do: "set", path, destination: "east" }),
    ]),
    ...["s/1", "s/2", "s/3", "s/4", PATH].flatMap((path, index) =>
      at(90 + index, { do: "delete", path, back: 0 }),
    ),
  ],
  healAtS: 400,
  expect: () => {
    const left = ["a-s-1", "a-s-2", "a-s-3", "a-s-4", NAME].filter((name) => held(name) !== "none").length;
    return left === 3 ? undefined : `${left} secrets are left, expected 3`;
  },
  settings: { deletesPerHour: 2 },
};
