#!/usr/bin/env node
// Owns: `node packages/server-binaries/src/cli.mjs [bao] [nats-server] [redis-server]`: finds or fetches, prints where.

import { ensureServers } from "./index.mjs";
import { SERVERS } from "./pins.mjs";

const names = process.argv.slice(2);
const unknown = names.filter((name) => SERVERS[name] === undefined);
if (names.includes("--help") || names.includes("-h")) {
  process.stdout.write(
    `usage: cli.mjs [${Object.keys(SERVERS).join("] [")}]\n` +
      "Finds or fetches the servers, prints name, version and path of each; progress goes to stderr.\n",
  );
} else if (unknown.length > 0) {
  process.stderr.write(`unknown server: ${unknown.join(", ")}; known: ${Object.keys(SERVERS).join(", ")}\n`);
  process.exitCode = 2;
} else {
  try {
    const servers = await ensureServers({
      progress: (line) => process.stderr.write(`${line}\n`),
      ...(names.length === 0 ? {} : { only: names }),
    });
    for (const server of Object.values(SERVERS)) {
      const binary = servers[server.result];
      if (binary !== undefined) process.stdout.write(`${server.name} ${binary.version} ${binary.path}\n`);
    }
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
