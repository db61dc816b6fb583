#!/usr/bin/env node
// Owns: saying so where Node is too old to run the rest, which is TypeScript. Plain JavaScript for any Node.

const NODE_MAJOR_MIN = 24;
const USAGE_EXIT = 2;

const major = Number(process.versions.node.split(".")[0]);
if (major < NODE_MAJOR_MIN) {
  process.stderr.write(
    `keyferry needs Node ${NODE_MAJOR_MIN} or newer, this is ${process.versions.node}. In the repository: npm run keyferry -- …\n`,
  );
  process.exitCode = USAGE_EXIT;
} else {
  await import("../src/main.ts");
}
