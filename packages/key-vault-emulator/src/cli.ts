#!/usr/bin/env node
// Owns: the command `keyferry-keyvault`: arguments, the ready file, the end on SIGTERM and SIGINT.
import { readFileSync, writeFileSync } from "node:fs";
import { readArguments } from "./cli-arguments.ts";
import { startKeyVaultEmulator } from "./emulator.ts";
import type { KeyVaultEmulator } from "./emulator.ts";

/** Starts the emulator as the arguments say and keeps it up until a signal comes. */
async function main(argv: readonly string[]): Promise<void> {
  const { options, readyFile } = readArguments(argv, (path) => readFileSync(path, "utf8"));
  const emulator = await startKeyVaultEmulator(options);
  const ready = JSON.stringify({
    port: emulator.port,
    caFile: emulator.caFile,
    controlUrl: emulator.controlUrl,
    authorityHost: emulator.authorityHost,
    vaultUrlPattern: emulator.vaultUrl("{vault}"),
    managedIdentityUrl: emulator.managedIdentityUrl,
    tenantId: emulator.tenantId,
    pid: process.pid,
  });
  if (readyFile !== undefined) writeFileSync(readyFile, `${ready}\n`);
  process.stdout.write(`${ready}\n`);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => {
      void end(emulator);
    });
  }
}

/** Closes; the process ends by itself then. Defects are told, and end it with an error. */
async function end(emulator: KeyVaultEmulator): Promise<void> {
  await emulator.close();
  for (const defect of emulator.defects) process.stderr.write(`defect: ${String(defect)}\n`);
  process.exitCode = emulator.defects.length > 0 ? 70 : 0;
}

try {
  await main(process.argv);
} catch (error) {
  // A message is enough for wrong options and a port in use; the stack would hide it.
  process.stderr.write(`keyferry-keyvault: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 64;
}
