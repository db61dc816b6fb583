// Owns: `node deploy/build.ts [NAME …]`: for each process a folder, `dist/NAME/`, with `main.mjs`, which holds all code,
// the few files it reads at run time, and the licences of what went in. Images carry these, not the source: Node strips types only outside `node_modules`, so the packages of this
// repository could not be installed there, and one file starts twice as fast.

import { access, cp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { build } from "rolldown";

const ROOT = resolve(import.meta.dirname, "..");
const OUTPUT = join(ROOT, "dist");

/** What each image runs, by the Dockerfile's targets; and the command, which is a file to be copied. */
const ENTRIES: Readonly<Record<string, string>> = {
  "change-detector": "apps/change-detector/src/main.ts",
  "association-service": "apps/association-service/src/main.ts",
  "azure-sink": "apps/azure-sink/src/main.ts",
  cli: "apps/cli/src/main.ts",
  "keyvault-emulator": "packages/key-vault-emulator/src/cli.ts",
};

/** Files that a module reads beside itself, and that must lie beside the bundle it goes into. */
const ASSETS = [{ module: "packages/state/src/scripts.ts", folder: "packages/state/src/lua", to: "lua" }];

async function bundle(name: string, entry: string): Promise<void> {
  const folder = join(OUTPUT, name);
  const file = join(folder, "main.mjs");
  await rm(folder, { recursive: true, force: true });
  const { output } = await build({
    input: join(ROOT, entry),
    platform: "node",
    // The Azure packages import parts of themselves dynamically, which would make more files.
    output: { file, format: "esm", minify: true, codeSplitting: false },
    onLog(level, log) {
      // A module that is not found would be left out, and missed only when the image runs.
      if (log.code === "UNRESOLVED_IMPORT") throw new Error(log.message);
      process.stderr.write(`${level}: ${log.message}\n`);
    },
  });
  const { moduleIds } = output[0];
  for (const asset of ASSETS) {
    if (!moduleIds.includes(join(ROOT, asset.module))) continue;
    await cp(join(ROOT, asset.folder), join(folder, asset.to), { recursive: true });
  }
  await writeFile(join(folder, "THIRD-PARTY-LICENSES.txt"), await licensesOf(moduleIds));
  const { size } = await stat(file);
  process.stdout.write(`${relative(ROOT, file)}  ${(size / 1024 / 1024).toFixed(2)} MB\n`);
}

/** The licences of the packages that went into a bundle, which most of them ask to be passed on. */
async function licensesOf(moduleIds: readonly string[]): Promise<string> {
  const folders = new Set(
    moduleIds.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/u.exec(id) ?? []),
  );
  const texts = await Promise.all([...folders].toSorted().map(async (folder) => await licenseOf(folder)));
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

async function licenseOf(folder: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as Record<
    string,
    unknown
  >;
  const file = (await readdir(folder)).find((name) => /^licen[cs]e/iu.test(name));
  const text = file === undefined ? "" : `\n${await readFile(join(folder, file), "utf8")}`;
  return `${String(manifest["name"])} ${String(manifest["version"])} (${String(manifest["license"])})\n${text}`;
}

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) => !(name in ENTRIES));
  if (unknown.length > 0) {
    process.stderr.write(`unknown: ${unknown.join(", ")}; known: ${Object.keys(ENTRIES).join(", ")}\n`);
    return 2;
  }
  const wanted = Object.entries(ENTRIES).filter(([name]) => names.length === 0 || names.includes(name));
  for (const [, entry] of wanted) await access(join(ROOT, entry));
  if (names.length === 0) await rm(OUTPUT, { recursive: true, force: true });
  for (const [name, entry] of wanted) await bundle(name, entry);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
