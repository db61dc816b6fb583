import { runService } from "@keyferry/service";
import { start } from "./service.ts";

await runService({ name: "azure-sink", section: "azureSink", start });
