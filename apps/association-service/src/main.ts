import { runService } from "@keyferry/service";
import { start } from "./service.ts";

await runService({ name: "association-service", section: "associationService", start });
