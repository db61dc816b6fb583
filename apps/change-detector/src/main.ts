import { runService } from "@keyferry/service";
import { start } from "./service.ts";

await runService({ name: "change-detector", section: "changeDetector", start });
