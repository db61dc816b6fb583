// Hazard secret-key-half-done: Under secret-key, a crash in the middle of three names, and then one of them is dropped.
import { at, held, HOST, opening, PATH, type Scenario } from "./scenario.ts";

export const secretKeyHalfDone: Scenario = {
  name: "secret-key-half-done",
  steps: [
    ...opening(),
    ...at(16, {
      do: "destination",
      destination: "keys",
      host: HOST,
      template: "k-{{ .SecretPath }}-{{ .SecretKey }}",
      granularity: "secret-key",
    }),
    ...at(40, { do: "write", path: PATH, keys: ["a", "b", "c"] }),
    ...at(50, { do: "set", path: PATH, destination: "keys" }),
    ...at(50.3, { do: "kill", role: "sink-1", forS: 10 }, { do: "kill", role: "sink-3", forS: 10 }),
    ...at(90, { do: "write", path: PATH, keys: ["a", "d"] }),
  ],
  healAtS: 400,
  expect: () => {
    const names = ["a", "b", "c", "d"].map((key) => held(`k-app-db-${key}`)).join(" ");
    return names === "3 none none 3" ? undefined : `the keys hold ${names}, expected 3 none none 3`;
  },
};
