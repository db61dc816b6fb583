export { start } from "./service.ts";
export { sinkMetrics } from "./metrics.ts";
