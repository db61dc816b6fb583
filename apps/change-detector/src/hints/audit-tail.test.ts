// Hazard audit-file-rotated: the tail against a real file system, through rotations, truncations and cut lines.
import { appendFile, mkdtemp, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@keyferry/ports";
import { eventually } from "@keyferry/testkit";
import * as fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AuditTail, type TailGap } from "./audit-tail.ts";

let dir: string;
let path: string;
const following: { abort: AbortController; running: Promise<void> }[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "keyferry-tail-"));
  path = join(dir, "audit.log");
});

afterEach(async () => {
  for (const { abort, running } of following.splice(0)) {
    abort.abort();
    await running;
  }
  await rm(dir, { recursive: true });
});

interface Seen {
  readonly lines: string[];
  readonly gaps: TailGap[];
}

async function follow(): Promise<Seen> {
  const seen: Seen = { lines: [], gaps: [] };
  const tail = new AuditTail({
    path,
    clock: systemClock,
    onLine: (line) => seen.lines.push(line),
    onGap: (why) => seen.gaps.push(why),
    onState: () => undefined,
  });
  const abort = new AbortController();
  await tail.open();
  following.push({ abort, running: tail.run(abort.signal) });
  return seen;
}

const until = (seen: Seen, last: string) =>
  eventually(() => seen.lines.at(-1), { what: `line ${last}`, until: (line) => line === last });

test("what stands in the file at the start is past; what is appended is given, once, also in pieces", async () => {
  await writeFile(path, "old\nha");
  const seen = await follow();
  await appendFile(path, "lf\n");
  await until(seen, "lf");
  await appendFile(path, "one\ntw");
  await until(seen, "one");
  await appendFile(path, "o\n");
  await until(seen, "two");
  expect(seen).toEqual({ lines: ["lf", "one", "two"], gaps: [] });
});

test("a file that comes later is read from its beginning", async () => {
  const seen = await follow();
  await writeFile(path, "first\n");
  await until(seen, "first");
  expect(seen).toEqual({ lines: ["first"], gaps: [] });
});

test("rotation by rename: the old file to its end until the new one has a line", async () => {
  await writeFile(path, "");
  const seen = await follow();
  await appendFile(path, "1\n");
  await rename(path, `${path}.1`);
  await appendFile(`${path}.1`, "2\n");
  await writeFile(path, "");
  await appendFile(`${path}.1`, "3\n");
  await until(seen, "3");
  await appendFile(path, "4\n");
  await until(seen, "4");
  expect(seen).toEqual({ lines: ["1", "2", "3", "4"], gaps: [] });
});

test("a copytruncate is a gap, and what comes after it is given", async () => {
  await writeFile(path, "");
  const seen = await follow();
  await appendFile(path, "a long line\nhalf");
  await until(seen, "a long line");
  await truncate(path, 0);
  await eventually(() => seen.gaps.length > 0, { what: "the gap" });
  await appendFile(path, "new\n");
  await until(seen, "new");
  expect(seen).toEqual({ lines: ["a long line", "new"], gaps: ["truncated"] });
});

test("random appends and rotations lose no line and double none", async () => {
  const steps = fc.array(
    fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 1, max: 40 }) }, fc.constant("rotate" as const)),
    { minLength: 20, maxLength: 40 },
  );
  await writeFile(path, "");
  const seen = await follow();
  const written: string[] = [];
  let rotations = 0;
  for (const step of fc.sample(steps, 5).flat()) {
    if (step === "rotate") {
      // The tail has to know the file before it is replaced a second time, as it does between two nights.
      if (written.length > 0) await until(seen, written.at(-1) ?? "");
      rotations += 1;
      await rename(path, `${path}.${rotations}`);
      await writeFile(path, "");
      continue;
    }
    const line = `${written.length}:${"x".repeat(step)}`;
    written.push(line);
    const cut = Math.floor(line.length / 2);
    await appendFile(path, line.slice(0, cut));
    await appendFile(path, `${line.slice(cut)}\n`);
  }
  await until(seen, written.at(-1) ?? "");
  expect(seen).toEqual({ lines: written, gaps: [] });
});
