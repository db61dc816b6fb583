// Owns: having `node_modules` as the lock file says: `npm ci` where it isn't, and nothing where it is.

import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { withMutex } from "../../packages/server-binaries/src/mutex.mjs";
import { npm } from "./npm.mjs";
import { ROOT, STATE } from "./paths.mjs";
import { progress } from "./progress.mjs";

// In node_modules, because `npm ci` removes that first: a broken install can't leave a good stamp.
const STAMP = join(ROOT, "node_modules", ".keyferry-stamp");

/**
 * @param {{ nodePath: string, env: NodeJS.ProcessEnv }} options
 */
export async function ensureDependencies({ nodePath, env }) {
  const wanted = await stampFor(ROOT);
  if ((await readText(STAMP)) === wanted) return;
  await withMutex(
    join(STATE, "locks", "dependencies"),
    async () => {
      if ((await readText(STAMP)) === wanted) return;
      if (!(await isInstalled(ROOT))) await install(nodePath, env);
      await writeFile(STAMP, wanted);
    },
    { onWait: (owner) => progress(`dependencies: waiting for ${owner}, which is installing them`) },
  );
}

async function install(nodePath, env) {
  progress("dependencies: installing them (npm ci)");
  const args = ["ci", "--include=dev", "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"];
  await npm(args, { cwd: ROOT, env, nodePath });
  progress("dependencies: installed");
}

async function stampFor(root) {
  const lock = await readFile(join(root, "package-lock.json"));
  return `${createHash("sha256").update(lock).digest("hex")} ${process.platform} ${process.arch}\n`;
}

/**
 * Whether `npm install` has already brought what the lock file names, by npm's own record of what it installed.
 * Packages for other platforms are marked optional and are not expected.
 */
async function isInstalled(root) {
  const lock = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8"));
  const record = await readText(join(root, "node_modules", ".package-lock.json"));
  if (record === undefined) return false;
  const installed = JSON.parse(record).packages;
  return Object.entries(lock.packages).every(([path, entry]) => {
    if (path === "" || !path.includes("node_modules/")) return true;
    const found = installed[path];
    if (found === undefined) return entry.optional === true;
    return found.version === entry.version && found.integrity === entry.integrity;
  });
}

async function readText(path) {
  return await readFile(path, "utf8").catch((error) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}
