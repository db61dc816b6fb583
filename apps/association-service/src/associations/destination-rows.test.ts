import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AssociationRow } from "./association-index.ts";
import { DestinationRows } from "./destination-rows.ts";

const UID = "aaaaaaaaaaaaa";

// An association that is "SPLIT" has two rows, as under secret-key.
const keysOf = (state: string) => (state === "SPLIT" ? ["/a", "/b"] : [""]);
const rowAt = (path: string, key: string, state: string) => ({
  key: `kv_1/${path}${key}`,
  fields: { state, path },
});

/** A destination whose rows are `<path> → state`, and what was rendered of them. */
function destination(rowsMax?: number) {
  const states = new Map<string, string>();
  let rendered = 0;
  const rowOf = (key: string) => ({ key }) as AssociationRow;
  const rows = new DestinationRows(
    {
      ofDestination: (uid) => [...states.keys()].filter((key) => key.startsWith(uid)).map(rowOf),
      get: (key) => (states.has(key) ? rowOf(key) : undefined),
      render: ({ key }) => {
        rendered += 1;
        const path = key.split(".")[1] ?? "";
        const state = states.get(key) ?? "";
        if (state === "removed") return undefined;
        return { path, accessor: "kv_1", rows: keysOf(state).map((key) => rowAt(path, key, state)) };
      },
    },
    rowsMax,
  );
  const text = (uid = UID) => Buffer.concat(rows.piecesOf(uid)).toString();
  const write = (path: string, state: string | undefined, uid = UID) => {
    const key = `${uid}.${path}`;
    if (state === undefined) states.delete(key);
    else states.set(key, state);
    rows.changed(key);
  };
  const expected = () => {
    const shown = [...states].filter(([, state]) => state !== "removed");
    const entries = shown.map(([key, state]) => [key.split(".")[1] ?? "", state] as const);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    const rows = entries.flatMap(([path, state]) => keysOf(state).map((key) => rowAt(path, key, state)));
    return JSON.stringify(Object.fromEntries(rows.map(({ key, fields }) => [key, fields])));
  };
  return { rows, text, write, expected, renderings: () => rendered };
}

describe("the rows of a destination", () => {
  test("whatever the order of writes, changes and removals, the text is that of all rows in order", () => {
    const change = fc.record({
      path: fc.integer({ min: 0, max: 400 }).map((number) => `p${number}"ü`),
      state: fc.constantFrom("PENDING", "SPLIT", "removed", undefined),
      asks: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 600, size: "max" }), (changes) => {
        const { text, write, expected } = destination();
        for (const { path, state, asks } of changes) {
          write(path, state);
          if (asks) text();
        }
        expect(text()).toBe(expected());
      }),
      { numRuns: 60 },
    );
  });

  test("pages that fill up are divided, and pages that empty go", () => {
    const { text, write, expected } = destination();
    text();
    for (let index = 0; index < 500; index += 1) {
      write(`p${(index * 7) % 500}`, "PENDING");
      text();
    }
    expect(text()).toBe(expected());
    for (let index = 0; index < 500; index += 1) {
      write(`p${index}`, index % 2 === 0 ? undefined : "removed");
      text();
    }
    expect(text()).toBe("{}");
  });

  test("a change renders its own row alone, and an answer without changes renders none", () => {
    const { text, write, renderings } = destination();
    for (let index = 0; index < 100; index += 1) write(`p${index}`, "PENDING");
    text();
    const before = renderings();
    write("p5", "SYNCED");
    text();
    text();
    expect(renderings()).toBe(before + 1);
  });

  test("what concerns all of them renders all of them anew", () => {
    const { rows, text, write, renderings } = destination();
    for (const path of ["a", "b"]) write(path, "PENDING");
    text();
    const before = renderings();
    rows.allChanged();
    text();
    expect(renderings()).toBe(before + 2);
  });

  test("more rows than are kept: the destination that was not asked for longest is rendered anew", () => {
    const { rows, text, write, expected } = destination(3);
    for (const path of ["a", "b"]) write(path, "PENDING");
    for (const path of ["a", "b", "c", "d"]) write(path, "PENDING", "bbbbbbbbbbbbb");
    text();
    expect(rows.size).toBe(2);
    expect(text("bbbbbbbbbbbbb")).toContain("kv_1/d");
    expect(rows.size).toBe(0);
    write("c", "PENDING");
    expect(JSON.parse(text())).toHaveProperty(["kv_1/c"]);
    expect(expected()).toContain("kv_1/c");
  });
});
