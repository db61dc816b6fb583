import { runCli } from "./program.ts";
import { systemIo } from "./io.ts";

const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort());
process.exitCode = await runCli(process.argv.slice(2), systemIo(interrupted.signal));
