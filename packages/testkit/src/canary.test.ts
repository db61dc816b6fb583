import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Canary } from "./canary.ts";

test("a planted value is found in each form in which values leak", () => {
  const canary = new Canary();
  const value = canary.value("database");
  const escaped = 'pass"word\\canary-7';
  canary.add("quoted", escaped);
  const bytes = Buffer.from(value);
  const leaks = [
    `password is ${value}!`,
    JSON.stringify({ inner: JSON.stringify({ value }) }),
    `?secret=${encodeURIComponent(value)}`,
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
    Buffer.from(`x${value}y`).toString("base64"),
    Buffer.from(`xx${value}`).toString("base64url"),
    Buffer.from(`{"v":"${value}"}`).toString("base64"),
  ];
  for (const leak of leaks) expect(canary.searchText(leak).map((found) => found.label)).toContain("database");
  for (const leak of [JSON.stringify(escaped), JSON.stringify(JSON.stringify(escaped)), escaped]) {
    expect(canary.searchText(leak).map((found) => found.label)).toContain("quoted");
  }
});

test("nothing is found where nothing was planted, and findings don't repeat the value", () => {
  const canary = new Canary();
  const value = canary.value("database");
  expect(canary.searchText(new Canary().value("database"))).toEqual([]);
  expect(JSON.stringify(canary.searchText(value, "a log"))).not.toContain(value);
});

test("a value that could occur by chance is refused", () => {
  expect(() => {
    new Canary().add("short", "hunter2");
  }).toThrow("too short");
});

test("files below a folder are searched, over the edges of what is read at once", async () => {
  const folder = await mkdtemp(join(tmpdir(), "keyferry-canary-"));
  try {
    const canary = new Canary();
    const value = canary.value("edge");
    await mkdir(join(folder, "deep", "er"), { recursive: true });
    const padding = "x".repeat(64 * 1024 - 20);
    await writeFile(join(folder, "deep", "er", "block"), `${padding}${value}${padding}`);
    await writeFile(join(folder, "clean"), padding);
    const found = await canary.searchFiles(folder);
    expect(found).toEqual([{ label: "edge", form: "plain", where: join(folder, "deep", "er", "block") }]);
    expect(await canary.searchFiles(join(folder, "missing"))).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
