import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ReadyFile } from "./ready-file.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keyferry-ready-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

test("each announcement adds to the file, also when they come at once, and leaves no draft behind", async () => {
  const file = new ReadyFile(join(folder, "ready.json"));
  await Promise.all([file.announce({ listen: "127.0.0.1:1" }), file.announce({ api: "127.0.0.1:2" })]);
  const text = await readFile(join(folder, "ready.json"), "utf8");
  expect(JSON.parse(text)).toEqual({ listen: "127.0.0.1:1", api: "127.0.0.1:2" });
  expect(await readdir(folder)).toEqual(["ready.json"]);
});

test("where no file is asked for, nothing is written", async () => {
  await new ReadyFile(undefined).announce({ listen: "127.0.0.1:1" });
  await new ReadyFile("").announce({ listen: "127.0.0.1:1" });
  expect(await readdir(folder)).toEqual([]);
});
