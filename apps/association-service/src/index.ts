export { start } from "./service.ts";
export { createFigures } from "./figures/figures.ts";
export { createEvents } from "./events.ts";
export { openApiDocument } from "./openapi/document.ts";
