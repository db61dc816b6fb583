import { setFlagsFromString } from "node:v8";
import { runService } from "@keyferry/service";
import { start } from "./service.ts";

// Left alone, V8 collects the old generation when it has doubled or more: sweeps of 100,000 secrets held 340 MB for 65 MB in
// use. V8 reads this at each collection, so that it holds however the process was started.
setFlagsFromString("--heap-growing-percent=30");

await runService({ name: "change-detector", section: "changeDetector", start });
