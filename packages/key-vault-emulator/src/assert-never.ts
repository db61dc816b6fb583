// Owns: the end of an exhaustive switch. A copy of its own: the emulator imports nothing of the project.

/** Unreachable while the switch covers its union; a new member then fails to compile here. */
export function assertNever(value: never): never {
  throw new Error(`unexpected: ${JSON.stringify(value)}`);
}
