import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LineSplitter } from "./line-splitter.ts";

// Not `unit: "binary"`: its table of all characters takes seconds to build.
const codePoint = fc.integer({ min: 0, max: 0x10_ffff }).filter((code) => code < 0xd800 || code > 0xdfff);
const text = fc.array(codePoint).map((codes) => String.fromCodePoint(...codes));

test("however the bytes are cut, the lines are the same", () => {
  const texts = fc.array(text.map((each) => each.replaceAll("\n", " ")));
  const samples = fc.sample(fc.tuple(texts, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 })), 500);
  for (const [lines, cuts] of samples) {
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""), "utf8");
    const splitter = new LineSplitter(1_000);
    const found: string[] = [];
    for (let from = 0, n = 0; from < bytes.length; n += 1) {
      const end = from + (cuts[n % cuts.length] ?? 1);
      found.push(...splitter.push(bytes.subarray(from, end)).lines);
      from = end;
    }
    expect(found).toEqual(lines.map((line) => Buffer.from(line).toString("utf8")));
    expect(splitter.hasRest).toBe(false);
  }
});

test("a line beyond the limit is dropped whole, counted once, and the next one is given", () => {
  const splitter = new LineSplitter(10);
  const results = ["0123", "456789", "more\nnext\n", `${"x".repeat(50)}\nlast\n`].map((text) =>
    splitter.push(Buffer.from(text)),
  );
  expect(results.flatMap(({ lines }) => lines)).toEqual(["next", "last"]);
  expect(results.reduce((sum, { dropped }) => sum + dropped, 0)).toBe(2);
});

test("what is kept of an endless line is bounded", () => {
  const splitter = new LineSplitter(100);
  for (let n = 0; n < 1_000; n += 1) splitter.push(Buffer.alloc(1_000, 65));
  expect(splitter.hasRest).toBe(true);
  expect(splitter.push(Buffer.from("\nok\n")).lines).toEqual(["ok"]);
});

test("a chunk's buffer may be used again after the call", () => {
  const splitter = new LineSplitter(100);
  const buffer = Buffer.from("half");
  splitter.push(buffer);
  buffer.fill(0);
  expect(splitter.push(Buffer.from(" line\n")).lines).toEqual(["half line"]);
});
