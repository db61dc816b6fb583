// Owns: finding a server that is already on this machine: named by an override variable, or on PATH.

import { constants } from "node:fs";
import { access, mkdir, readFile, realpath, rename, stat, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { run } from "./command.mjs";
import { isAtLeast, readVersion } from "./version.mjs";

const PROBE_MS_MAX = 20_000;

/** The version that the binary prints, or undefined where it doesn't run. */
export async function probeVersion(path, server, env = {}) {
  const printed = await run(path, server.versionArguments, {
    env: { ...process.env, ...env },
    timeoutMs: PROBE_MS_MAX,
  });
  if (printed.kind === "missing" || printed.code !== 0) return undefined;
  return readVersion(`${printed.stdout}\n${printed.stderr}`);
}

/** The server named by its override variable; throws where the variable names something that won't do. */
export async function locateOverride(server, env) {
  const path = env[server.override];
  if (!path) return undefined;
  const version = await probeVersion(path, server);
  if (version === undefined) throw new Error(`${server.override}=${path} doesn't run or prints no version`);
  if (!isAtLeast(version, server.floor)) {
    throw new Error(
      `${server.override}=${path} is version ${version}; ${server.name} ${server.floor} or later is needed`,
    );
  }
  return { path, version, env: {} };
}

/**
 * The first good enough server on PATH, or undefined. Probing `bao` costs a tenth of a second, which every test file
 * would pay, so answers are remembered in the cache by path, size and time of change.
 */
export async function locateOnPath(server, env, cache) {
  for (const command of server.commands) {
    for (const folder of (env.PATH ?? "").split(delimiter)) {
      const path = join(folder, command);
      if (folder === "" || !(await isExecutable(path))) continue;
      const version = await rememberedVersion(path, server, cache);
      if (version !== undefined && isAtLeast(version, server.floor)) return { path, version, env: {} };
    }
  }
  return undefined;
}

async function isExecutable(path) {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    // Whatever can't be read can't be run either; the search goes on.
    return false;
  }
}

async function rememberedVersion(path, server, cache) {
  const real = await realpath(path);
  const { size, mtimeMs } = await stat(real);
  const identity = `${real}:${size}:${mtimeMs}`;
  const file = join(cache, "probed", `${server.name}.json`);
  const known = await readFile(file, "utf8").then(JSON.parse, () => ({}));
  if (typeof known[identity] === "string") return known[identity];
  const version = await probeVersion(path, server);
  if (version !== undefined) {
    await mkdir(join(cache, "probed"), { recursive: true });
    const aside = `${file}.${process.pid}`;
    await writeFile(aside, JSON.stringify({ [identity]: version }));
    await rename(aside, file);
  }
  return version;
}
