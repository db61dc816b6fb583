export { start } from "./service.ts";
export { createEvents } from "./events.ts";
export { openApiDocument } from "./openapi/document.ts";
