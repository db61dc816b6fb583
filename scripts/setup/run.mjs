// Owns: what `npm start` and `npm test` do before anything of the project can run: Node 24, dependencies, servers; then
// the job. Plain JavaScript without dependencies for Node 18 and later, because none of these are there yet.

import { dirname, join } from "node:path";
import { ensureServers } from "../../packages/server-binaries/src/index.mjs";
import { runChecks } from "./checks.mjs";
import { cleanEnvironment } from "./clean-environment.mjs";
import { ensureDependencies } from "./dependencies.mjs";
import { runJob } from "./job.mjs";
import { ensureNode24 } from "./node24.mjs";
import { ROOT, STATE } from "./paths.mjs";
import { progress } from "./progress.mjs";

const USAGE_EXIT = 2;
const VITEST = join(ROOT, "node_modules", "vitest", "vitest.mjs");
const KEY_VAULT_SUITE = "packages/key-vault-emulator/test/conformance";

const JOBS = {
  start: {
    usage: "npm start -- [--once | --config FILE]",
    says: [
      "Starts OpenBao, NATS, Redis, the Key Vault emulator and the three services, and shows a secret on its way.",
      "  --once         end after the demonstration; exit code 0 only if each step was seen in Key Vault",
      "  --config FILE  run the three services against servers that exist; no demonstration",
    ],
    needsServers: (args) => !args.some((arg) => arg === "--config" || arg.startsWith("--config=")),
    command: (args) => [join(ROOT, "scripts", "start", "main.ts"), ...args],
  },
  test: {
    usage: "npm test [-- VITEST ARGUMENTS]",
    says: [
      "Format, lint, types, dependency direction, dead code; then all tests. Last line: `N passed, N failed`.",
    ],
    needsServers: () => true,
    checks: true,
    command: (args) => [VITEST, "run", ...args],
  },
  simulate: {
    usage: "npm run simulate -- --help",
    says: ["The services on a virtual clock with every fault: seeds, named hazards (docs/simulator.md)."],
    needsServers: () => false,
    ownHelp: true,
    command: (args) => [join(ROOT, "simulator", "src", "main.ts"), ...args],
  },
  "test:unit": {
    usage: "npm run test:unit [-- VITEST ARGUMENTS]",
    says: ["The quick part: tests that need no server."],
    needsServers: () => false,
    command: (args) => [VITEST, "run", "--project", "unit", ...args],
  },
  "test:real": {
    usage: "npm run test:real [-- VITEST ARGUMENTS]",
    says: ["Tests with real servers, e.g. `npm run test:real -- packages/bus`."],
    needsServers: () => true,
    command: (args) => [VITEST, "run", "--project", "real", ...args],
  },
  keyferry: {
    usage: "npm run keyferry -- COMMAND",
    says: ["The command keyferry from this repository; `npm run keyferry -- --help` shows its own help."],
    needsServers: () => false,
    ownHelp: true,
    command: (args) => [join(ROOT, "apps", "cli", "src", "main.ts"), ...args],
  },
  chaos: {
    usage: "npm run chaos -- [--minutes M] [--seed S] [--report FILE]",
    says: [
      "Real processes and servers under faults, then the check of each promise. `--help` shows its own help.",
    ],
    needsServers: (args) => !args.includes("--help"),
    ownHelp: true,
    command: (args) => [join(ROOT, "chaos", "src", "main.ts"), ...args],
  },
  bench: {
    usage: "npm run bench -- [NAME…] [--list] [--json FILE] [--out FOLDER]",
    says: ["The benchmarks, each with its baseline beside it. `--help` shows its own help."],
    needsServers: (args) => !args.includes("--help") && !args.includes("--list"),
    ownHelp: true,
    command: (args) => [join(ROOT, "bench", "src", "main.ts"), ...args],
  },
  "test:keyvault": {
    usage: "[TEST_VAULT_URL=https://…] npm run test:keyvault [-- VITEST ARGUMENTS]",
    says: ["The Key Vault conformance suite, against the emulator or the vault that TEST_VAULT_URL names."],
    needsServers: () => false,
    command: (args) => [VITEST, "run", "--project", "real", KEY_VAULT_SUITE, ...args],
  },
};

function help(jobs) {
  const blocks = jobs.map(({ usage, says }) => [usage, ...says.map((line) => `  ${line}`)].join("\n"));
  const environment = [
    "Environment:",
    "  KEYFERRY_CACHE         where fetched servers and Node 24 are kept (default ~/.cache/keyferry)",
    "  KEYFERRY_BAO, KEYFERRY_NATS_SERVER, KEYFERRY_REDIS_SERVER, KEYFERRY_NGINX   a server binary to use",
    "  KEYFERRY_TEST_SERVERS=containers   run the servers by Docker",
  ].join("\n");
  return `${[...blocks, environment].join("\n\n")}\n`;
}

async function main([name, ...args]) {
  if (name === "--help" || name === "-h") return print(help(Object.values(JOBS)));
  const job = JOBS[name];
  if (job === undefined) {
    process.stderr.write(
      `unknown job ${JSON.stringify(name ?? "")}; known: ${Object.keys(JOBS).join(", ")}\n`,
    );
    return USAGE_EXIT;
  }
  if (job.ownHelp !== true && (args.includes("--help") || args.includes("-h"))) return print(help([job]));

  const nodePath = await ensureNode24();
  const env = jobEnvironment(name, nodePath);
  await ensureDependencies({ nodePath, env });
  if (job.needsServers(args) && process.env.KEYFERRY_TEST_SERVERS !== "containers")
    await ensureServers({ progress });
  if (job.checks === true) {
    const failed = await runChecks({ env, progress });
    if (failed.length > 0) {
      process.stdout.write(`0 passed, ${failed.length} failed\n`);
      return 1;
    }
  }
  return await runJob(nodePath, job.command(args), { env });
}

function jobEnvironment(name, nodePath) {
  const env = cleanEnvironment(process.env, [dirname(nodePath), join(ROOT, "node_modules", ".bin")]);
  // Half of a process's start is reading and compiling; tests start hundreds of processes, `npm start` three.
  env.NODE_COMPILE_CACHE ??= join(STATE, "compiled");
  // Test runners and libraries choose their own mode in tests.
  if (name.startsWith("test")) delete env.NODE_ENV;
  return env;
}

function print(text) {
  process.stdout.write(text);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode ?? 1;
}
