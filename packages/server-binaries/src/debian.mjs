// Owns: fetching a server from the distribution's packages without root: apt downloads and checks them against its
// signed lists, dpkg unpacks them into the cache, and the binary runs with the libraries that came along.

import { readFileSync } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { lastLines, run } from "./command.mjs";
import { probeVersion } from "./locate.mjs";
import { libraryPath } from "./cache.mjs";
import { isAtLeast } from "./version.mjs";

const UPDATE_MS_MAX = 3 * 60_000;
const DOWNLOAD_MS_MAX = 3 * 60_000;

/** The distribution and its release, e.g. `debian-12`. */
export function distribution() {
  try {
    const text = readFileSync("/etc/os-release", "utf8");
    const field = (name) => new RegExp(`^${name}="?([\\w.-]+)`, "mu").exec(text)?.[1] ?? "unknown";
    return `${field("ID")}-${field("VERSION_ID")}`;
  } catch {
    // No such file: not a Linux distribution, so nothing is kept under this name either.
    return "unknown";
  }
}

/** Whether this machine has the tools of Debian's kind. */
export async function hasDebianTools() {
  if (process.platform !== "linux") return false;
  for (const [command, argument] of [
    ["apt-get", "--version"],
    ["dpkg", "--version"],
  ]) {
    const probe = await run(command, [argument]);
    if (probe.kind === "missing" || probe.code !== 0) return false;
  }
  return true;
}

/**
 * Unpacks the server into `folder`.
 * @returns {Promise<{ version: string, binary: string, libraries: string[] }>}
 */
export async function fetchFromDebian(server, folder) {
  const apt = await downloadPackages(server.debian.packages, folder);
  const libraryPackages = await missingLibraries(server.debian.packages, apt);
  if (libraryPackages.length > 0) await download(libraryPackages, apt, folder);
  const root = join(folder, "root");
  await mkdir(root);
  for (const name of (await readdir(folder)).filter((entry) => entry.endsWith(".deb"))) {
    const unpacked = await run("dpkg", ["-x", join(folder, name), root]);
    if (unpacked.kind === "missing" || unpacked.code !== 0) {
      throw new Error(`dpkg could not unpack ${name}: ${lastLines(unpacked)}`);
    }
    await rm(join(folder, name));
  }
  await rm(join(folder, "apt"), { recursive: true, force: true });
  const libraries = await libraryFolders(folder);
  const binary = `root/${server.debian.member}`;
  const env = libraryPath(libraries.map((part) => join(folder, part)));
  const version = await probeVersion(join(folder, binary), server, env);
  if (version === undefined) throw new Error(`the distribution's ${server.name} does not run here`);
  if (!isAtLeast(version, server.floor)) {
    throw new Error(`the distribution's ${server.name} is ${version}; ${server.floor} or later is needed`);
  }
  return { version, binary, libraries };
}

/** Tries the machine's package lists; where they are missing or too old, fetches lists of our own, without root. */
async function downloadPackages(names, folder) {
  try {
    await download(names, [], folder);
    return [];
  } catch {
    const own = await updateOwnLists(join(folder, "apt"));
    await download(names, own, folder);
    return own;
  }
}

async function updateOwnLists(state) {
  await mkdir(join(state, "lists", "partial"), { recursive: true });
  await mkdir(join(state, "cache", "archives", "partial"), { recursive: true });
  const options = ["-o", `Dir::State::lists=${state}/lists`, "-o", `Dir::Cache=${state}/cache`];
  const updated = await run("apt-get", [...options, "-q", "update"], { timeoutMs: UPDATE_MS_MAX });
  if (updated.kind === "missing" || updated.code !== 0) {
    throw new Error(`apt-get update failed: ${lastLines(updated)}`);
  }
  return options;
}

async function download(names, options, folder) {
  const result = await run("apt-get", [...options, "-q", "download", ...names], {
    cwd: folder,
    timeoutMs: DOWNLOAD_MS_MAX,
  });
  if (result.kind === "missing" || result.code !== 0) {
    throw new Error(`apt-get download ${names.join(" ")} failed: ${lastLines(result)}`);
  }
}

/** Library packages that the server needs and this machine lacks; libc stays the machine's own. */
async function missingLibraries(names, options) {
  const needed = new Set();
  let next = [...names];
  while (next.length > 0) {
    const shown = await run("apt-cache", [...options, "depends", ...next]);
    if (shown.kind === "missing" || shown.code !== 0)
      throw new Error(`apt-cache failed: ${lastLines(shown)}`);
    next = [...shown.stdout.matchAll(/^ *\|?Depends: ((?:lib|lua)[\w.+-]+)$/gmu)]
      .map((match) => match[1])
      .filter((name) => !needed.has(name) && !name.startsWith("libc6"));
    for (const name of next) needed.add(name);
  }
  const installed = await run("dpkg-query", ["-W", "-f=${Package} ${db:Status-Status}\n"]);
  const lines = installed.kind === "ended" ? installed.stdout.split("\n") : [];
  const have = new Set(lines.filter((line) => line.endsWith(" installed")).map((line) => line.split(" ")[0]));
  return [...needed].filter((name) => !have.has(name));
}

async function libraryFolders(folder) {
  const found = [];
  for (const part of ["root/usr/lib", "root/lib"]) {
    for (const name of await readdir(join(folder, part)).catch(() => [])) {
      const path = `${part}/${name}`;
      if (/-linux-gnu/u.test(name) && (await stat(join(folder, path))).isDirectory()) found.push(path);
    }
  }
  return found;
}
