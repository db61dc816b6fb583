// Owns: the per-user cache of server binaries. A server's folder appears in one rename, after its binary has been
// checked, so whatever is in the cache may be used without running it first.

import { access, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

const STAMP = "server.json";

/** @param {NodeJS.ProcessEnv} env */
export function cacheFolder(env) {
  if (env.KEYFERRY_CACHE) return env.KEYFERRY_CACHE;
  return join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "keyferry");
}

/** The cached server of that key, or undefined. */
export async function readCached(cache, key) {
  const folder = join(cache, key);
  const text = await readFile(join(folder, STAMP), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const stamp = JSON.parse(text);
  const path = join(folder, stamp.binary);
  const there = await access(path).then(
    () => true,
    () => false,
  );
  if (!there) return undefined;
  const libraries = (stamp.libraries ?? []).map((part) => join(folder, part));
  return { path, version: stamp.version, env: libraryPath(libraries) };
}

/** Variables with which a binary finds the libraries that came with it. */
export function libraryPath(folders) {
  return folders.length === 0 ? {} : { LD_LIBRARY_PATH: folders.join(":") };
}

/**
 * Fills `key` by `make(folder)`, which returns the stamp; nothing is left behind where it fails.
 * The caller holds the key's mutex.
 */
export async function fillCache(cache, key, make) {
  const aside = join(cache, `${key}.partial`);
  // The caller holds the mutex, so what lies here is a stopped set-up's.
  await rm(aside, { recursive: true, force: true });
  await mkdir(aside, { recursive: true });
  try {
    const stamp = await make(aside);
    await writeFile(join(aside, STAMP), `${JSON.stringify(stamp, null, 2)}\n`);
    const target = join(cache, key);
    await rm(target, { recursive: true, force: true });
    await rename(aside, target);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  return await readCached(cache, key);
}
