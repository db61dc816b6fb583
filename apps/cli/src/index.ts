export { EXIT, EXIT_MEANINGS, type ExitCode } from "./exit-codes.ts";
export type { Io, Sink } from "./io.ts";
export { manualEntries, type ManualEntry } from "./manual.ts";
export { runCli } from "./program.ts";
