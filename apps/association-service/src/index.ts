export { start } from "./service.ts";
export { createEvents } from "./events.ts";
