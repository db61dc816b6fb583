// Fuzzing of what reads the audit devices: bytes to lines to hints, and the tail of a file that is treated badly. 20,000
// inputs as a rule; KF_FUZZ_RUNS=1000000 KF_PROP_SEED=7 npx vitest run --project unit audit-fuzz for more, or others.
import { appendFile, mkdtemp, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Hint, hintSchema } from "@keyferry/contracts";
import { systemClock } from "@keyferry/ports";
import { eventually } from "@keyferry/testkit";
import { parseAuditLine } from "@keyferry/vault-client";
import { expect, test } from "vitest";
import { AuditCollector } from "./audit-collector.ts";
import { LineSplitter } from "./line-splitter.ts";

const RUNS = Number(process.env["KF_FUZZ_RUNS"] ?? 20_000);
const SEED = Number(process.env["KF_PROP_SEED"] ?? 20_261_124);
const FILE_STEPS = Math.min(5_000, Math.ceil(RUNS / 100)); // each is a call of the file system
const HOURS_MS = 4 * 3_600_000;
const VALUE = "s3cr3t-value";

/** Numbers from 0 to below `limit` that a seed determines (xorshift). */
function chance(seed: number): (limit: number) => number {
  let state = seed | 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

const entry = (operation: string, path: string, more: object = {}): string =>
  JSON.stringify({
    time: "2026-11-24T06:39:16.848280654Z",
    type: "response",
    auth: { accessor: VALUE, policies: ["root"] },
    request: {
      id: "d35d8bdf",
      operation,
      path,
      mount_point: "ns/secret/",
      mount_type: "kv",
      namespace: {
        id: "x",
        path: "ns/",
      },
      data: {
        data: {
          [VALUE]: VALUE,
          pin: 4711,
        },
      },
    },
    response: { data: { version: 3, created_time: VALUE } },
    ...more,
  });

const SEEDS = [
  entry("update", "secret/data/a/b"),
  entry("delete", "secret/metadata/é/ü"),
  entry("update", "secret/config"),
  entry("update", "sys/mounts/x"),
  entry("patch", "secret/data/x", { response: { data: { http_status_code: 404 } } }),
  entry("read", "secret/data/x"),
  entry("update", "secret/data/x", { error: "1 error occurred" }),
  entry("update", "secret/data/x", { type: "request" }),
  entry("update", "secret/data/x", { response: null }),
  "",
  "prefix: {}",
].map((line) => Buffer.from(line, "utf8"));

const TOKENS = [
  '"',
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "\\",
  "\\u0000",
  "\\ud800",
  "null",
  "-1e999",
  "\n",
  "\r\n",
  "\u0000",
];

/** One of the entries with up to four things done to it. */
function mutated(below: (limit: number) => number): Buffer {
  let bytes = Buffer.from(SEEDS[below(SEEDS.length)] ?? "");
  for (let changes = below(5); changes > 0; changes -= 1) {
    const at = below(bytes.length + 1);
    switch (below(7)) {
      case 0:
        bytes = bytes.subarray(0, at);
        break;
      case 1:
        bytes = bytes.subarray(at);
        break;
      case 2:
        if (at < bytes.length) bytes[at] = below(256);
        break;
      case 3:
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          Buffer.from(TOKENS[below(TOKENS.length)] ?? ""),
          bytes.subarray(at),
        ]);
        break;
      case 4:
        bytes = Buffer.concat([bytes, SEEDS[below(SEEDS.length)] ?? Buffer.alloc(0)]);
        break;
      case 5:
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          Buffer.from("[".repeat(below(3_000))),
          bytes.subarray(at),
        ]);
        break;
      default:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(below(at + 1))]);
    }
  }
  return bytes;
}

/** A hint is whole, and has no field beside its schema's. */
function checkHint(hint: Hint): void {
  hintSchema.parse(hint);
  for (const key of Object.keys(hint)) {
    if (!(key in hintSchema.shape)) throw new Error(`a hint with ${key}`);
  }
}

test(
  "no line makes the parser throw, and what it gives is a whole hint or none",
  { timeout: HOURS_MS },
  () => {
    const below = chance(SEED);
    const kinds = new Map<string, number>();
    for (let run = 0; run < RUNS; run += 1) {
      const verdict = parseAuditLine(mutated(below).toString("utf8"));
      kinds.set(verdict.kind, (kinds.get(verdict.kind) ?? 0) + 1);
      if (verdict.kind === "hint") checkHint(verdict.hint);
    }
    // Each kind was met: the inputs are neither all garbage nor all good.
    expect([...kinds.keys()].toSorted()).toEqual([
      "hint",
      "nothing",
      "sweep-mount",
      "topology",
      "unreadable",
    ]);
  },
);

test(
  "whatever the chunks, lines are given once, whole, in order; the held bytes are bounded",
  { timeout: HOURS_MS },
  () => {
    const below = chance(SEED + 1);
    const LINE_MAX = 2_000;
    const splitter = new LineSplitter(LINE_MAX);
    for (let run = 0; run < RUNS; run += 20) {
      const text = Buffer.concat(
        Array.from({ length: 20 }, () => Buffer.concat([mutated(below), Buffer.from("\n")])),
      );
      const lines: string[] = [];
      let dropped = 0;
      for (let from = 0; from < text.length;) {
        const to = from + 1 + below(below(4) === 0 ? 3 : 4_000);
        const split = splitter.push(text.subarray(from, to));
        lines.push(...split.lines);
        dropped += split.dropped;
        from = to;
        if (splitter.heldBytes > LINE_MAX) throw new Error(`${splitter.heldBytes} bytes are held`);
      }
      const wished = splitBySearch(text).filter((line) => line.length <= LINE_MAX);
      if (
        lines.length !== wished.length ||
        lines.some((line, index) => line !== wished[index]?.toString("utf8"))
      ) {
        throw new Error(`run ${run}: other lines`);
      }
      if (dropped !== splitBySearch(text).length - wished.length)
        throw new Error(`run ${run}: ${dropped} dropped`);
    }
    expect(splitter.hasRest).toBe(false);
  },
);

/** The plain way: the whole text at once. */
function splitBySearch(text: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let from = 0; from < text.length;) {
    const end = text.indexOf("\n", from);
    lines.push(text.subarray(from, end));
    from = end + 1;
  }
  return lines;
}

test(
  "a file that is cut, moved, removed and written over: what is whole arrives, what may be lost is told",
  { timeout: HOURS_MS },
  async () => {
    const below = chance(SEED + 2);
    const dir = await mkdtemp(join(tmpdir(), "keyferry-fuzz-"));
    const path = join(dir, "audit.log");
    const hints: Hint[] = [];
    let gaps = 0;
    const stop = new AbortController();
    const collector = new AuditCollector({
      path,
      clock: systemClock,
      hints: { publish: (hint) => hints.push(hint), subscribe: () => ({ close: () => undefined }) },
      events: { hintGap: () => (gaps += 1), auditFile: () => undefined },
    });
    await collector.open();
    const running = collector.run(stop.signal);
    try {
      for (let step = 0; step < FILE_STEPS; step += 1) {
        const what = below(20);
        if (what === 0) await truncate(path, 0).catch(() => undefined); // not there now
        else if (what === 1) await rename(path, join(dir, `old-${below(3)}`)).catch(() => undefined); // not there now
        else if (what === 2) await rm(path, { force: true });
        else if (what === 3) await writeFile(path, mutated(below));
        else await appendFile(path, Buffer.concat([mutated(below), Buffer.from(below(5) === 0 ? "" : "\n")]));
      }
      // However it was treated: it follows again, and tells the next entry.
      await eventually(
        async () => {
          await appendFile(path, `\n${entry("update", "secret/data/the-last")}\n`);
          return hints.some((hint) => hint.path === "the-last");
        },
        { what: "the last hint" },
      );
      for (const hint of hints) checkHint(hint);
      expect(gaps).toBeGreaterThan(0);
    } finally {
      stop.abort();
      await running;
      await rm(dir, { recursive: true });
    }
  },
);
