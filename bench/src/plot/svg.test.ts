import { expect, test } from "vitest";
import { drawChart } from "./svg.ts";

const chart = drawChart({
  title: "a < b",
  x: { label: "s" },
  y: { label: "n", scale: "log" },
  lines: [
    {
      name: "one",
      points: [
        [0, 1],
        [10, 100],
      ],
    },
    {
      name: "limit",
      points: [
        [0, 1],
        [10, 300],
      ],
      isLimit: true,
    },
  ],
});

test("a chart is well-formed text without a number that is none", () => {
  expect(chart).toContain("a &lt; b");
  expect(chart).not.toMatch(/NaN|Infinity|undefined/u);
  expect(chart.match(/<polyline/gu)).toHaveLength(2);
});

test("what is larger is drawn higher", () => {
  const [from, to] = /points="\S+,(\S+) \S+,(\S+)"/u.exec(chart)?.slice(1).map(Number) ?? [];
  expect(to).toBeLessThan(from ?? 0);
});
