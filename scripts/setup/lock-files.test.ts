import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");

interface LockFile {
  readonly packages: Readonly<
    Record<string, { readonly resolved?: string; readonly integrity?: string; readonly link?: boolean }>
  >;
}

test.each(["package-lock.json", "scripts/setup/node24/package-lock.json"])(
  "%s names no registry host and has the integrity of each package",
  async (file) => {
    const { packages } = JSON.parse(await readFile(join(ROOT, file), "utf8")) as LockFile;
    const fetched = Object.entries(packages).filter(
      ([path, { link }]) => path.includes("node_modules/") && link !== true,
    );
    expect(fetched.length).toBeGreaterThan(0);
    const withHost = fetched.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path);
    const withoutIntegrity = fetched.filter(([, entry]) => entry.integrity?.startsWith("sha512-") !== true);
    expect(withHost).toEqual([]);
    expect(withoutIntegrity.map(([path]) => path)).toEqual([]);
  },
);
