// Hazard tail-lost: The command stream falls back; what is published next lies below the durables' floors.
import { at, expectHeld, opening, PATH, type Scenario } from "./scenario.ts";

export const tailLost: Scenario = {
  name: "tail-lost",
  steps: [
    ...opening(),
    ...at(50, { do: "save-stream", stream: "SYNC_DESIRED" }),
    ...at(60, { do: "write", path: PATH }),
    ...at(62, { do: "write", path: PATH }),
    ...at(80, { do: "lose-tail", stream: "SYNC_DESIRED" }),
    ...at(81, { do: "write", path: PATH }),
    ...at(85, { do: "remove", path: PATH, destination: "east" }),
  ],
  healAtS: 500,
  expect: expectHeld("none"),
};
