// The alert rules and the dashboard ask for metrics and labels that the services have, and the rules are what Prometheus
// takes (by promtool, where it is installed).
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";

const read = (name: string): string => readFileSync(join(import.meta.dirname, name), "utf8");

const rulesSchema = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Keyferry[A-Z]/),
          expr: z.string().min(1),
          for: z
            .string()
            .regex(/^\d+[smh]$/)
            .optional(),
          labels: z.strictObject({ severity: z.enum(["critical", "warning", "info"]) }),
          annotations: z.strictObject({
            summary: z.string().min(1),
            description: z.string().min(1),
            action: z.string().min(1),
          }),
        }),
      ),
    }),
  ),
});
const dashboardSchema = z.object({
  panels: z.array(
    z.object({ title: z.string(), targets: z.array(z.object({ expr: z.string() })).optional() }),
  ),
});

const rules = rulesSchema.parse(parse(read("alerts.yml"))).groups.flatMap((group) => group.rules);
const dashboard = dashboardSchema.parse(JSON.parse(read("dashboard.json")));
const expressions = [
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
  ...dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const)),
];

/** Every metric of the reference, with its labels; histograms by their series. */
function known(): ReadonlyMap<string, ReadonlySet<string>> {
  const page = readFileSync(join(import.meta.dirname, "../../docs/reference/metrics.md"), "utf8");
  const found = new Map<string, ReadonlySet<string>>();
  for (const [, name = "", kind, labels = ""] of page.matchAll(/^\| `(\w+)` +\| (\w+) +\| ([^|]*)\|/gm)) {
    const names = new Set([...labels.matchAll(/`(\w+)`/g)].map((match) => match[1] ?? ""));
    if (kind === "histogram") found.set(`${name}_bucket`, new Set([...names, "le"]));
    else found.set(name, names);
  }
  return found;
}

test.each(expressions)("%s asks for metrics and labels that exist: %s", (_where, expr) => {
  const metrics = known();
  const named = [...expr.matchAll(/\b(?:keyferry|vault_secrets)_\w+/g)].map(([name]) => name);
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter((name) => !metrics.has(name))).toEqual([]);
  const labels = new Set(named.flatMap((name) => [...(metrics.get(name) ?? [])]));
  const asked = [...expr.matchAll(/by \(([^)]*)\)|\{(\w+)=/g)].flatMap(([, by, label]) =>
    (by ?? label ?? "").split(",").map((one) => one.trim()),
  );
  expect(asked.filter((label) => !labels.has(label))).toEqual([]);
});

test("no two alerts have one name", () => {
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
});

function promtool(...args: string[]): { missing: boolean; status: number | null; text: string } {
  const { error, status, stdout, stderr } = spawnSync("promtool", args, {
    cwd: import.meta.dirname,
    encoding: "utf8",
  });
  const missing = error !== undefined && "code" in error && error.code === "ENOENT";
  return { missing, status, text: `${stdout}${stderr}` };
}

test("promtool takes the rules, and their tests pass, where it is installed", () => {
  const runs = [promtool("check", "rules", "alerts.yml"), promtool("test", "rules", "alerts.test.yml")];
  expect(runs.filter(({ missing, status }) => !missing && status !== 0)).toEqual([]);
});
