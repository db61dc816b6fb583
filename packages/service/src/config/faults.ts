// Owns: what a fault of the configuration is, and how faults are told. Invariant: no fault holds a value from the file
// or the environment, as any of them can be a secret in the wrong place (P5).
import { KeyferryError } from "@keyferry/errors";

/** One thing to correct: where, what is wrong, what to do. */
export interface ConfigFault {
  /** The key's path, as `azureSink.azure.requestTimeoutMs`; empty for the file as a whole. */
  readonly path: string;
  /** Continues "<path> …". */
  readonly problem: string;
  readonly fix: string;
}

/** Joins a path's parts as people write them: `nats.servers[0]`. */
export function formatPath(parts: readonly PropertyKey[]): string {
  let path = "";
  for (const part of parts) {
    if (typeof part === "number") path += `[${part}]`;
    else path += `${path === "" ? "" : "."}${String(part)}`;
  }
  return path;
}

/** All faults as lines for a terminal. */
export function formatFaults(file: string, faults: readonly ConfigFault[]): string {
  const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
  const lines = [`${file}: ${count}`];
  for (const { path, problem, fix } of faults) {
    lines.push("", `  ${path === "" ? "the file" : path} ${problem}`, `      ${fix}`);
  }
  lines.push("", "  docs/reference/configuration.md describes every key.");
  return lines.join("\n");
}

/** The faults as the one error that a process ends with (exit code 2). */
export function configInvalid(file: string, faults: readonly ConfigFault[]): KeyferryError {
  return new KeyferryError("config-invalid", formatFaults(file, faults), { file, faults: faults.length });
}
