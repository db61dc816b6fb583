import { expect, test } from "vitest";
import { createMetrics, LATENCY_BUCKETS_S } from "./metrics.ts";

const make = () => createMetrics({ service: "azure-sink", version: "1.2.3", processFigures: false });

test("counters, gauges and histograms are on the page with their labels and the service", async () => {
  const metrics = make();
  const puts = metrics.counter({ name: "t_puts_total", help: "puts", labels: ["destination"] });
  puts.add({ destination: "a" });
  puts.add({ destination: "a" }, 2);
  const open = metrics.gauge({ name: "t_open", help: "open", labels: ["lane"] });
  open.set({ lane: "live" }, 5);
  open.set({ lane: "bulk" }, 6);
  open.remove({ lane: "bulk" });
  metrics.histogram({ name: "t_took_seconds", help: "took", buckets: LATENCY_BUCKETS_S }).observe({}, 0.3);
  const { text, contentType } = await metrics.page();
  expect(contentType).toContain("text/plain");
  expect(text).toContain('t_puts_total{destination="a",service="azure-sink"} 3');
  expect(text).toContain('t_open{lane="live",service="azure-sink"} 5');
  expect(text).not.toContain('lane="bulk"');
  expect(text).toContain('t_took_seconds_bucket{le="0.5",service="azure-sink"} 1');
  expect(text).toMatch(/keyferry_build_info\{version="1\.2\.3",node="v\d+[^"]*",service="azure-sink"\} 1/);
});

test("a counter without labels is 0 before its first event", async () => {
  const metrics = make();
  metrics.counter({ name: "t_total", help: "t" });
  expect((await metrics.page()).text).toContain('t_total{service="azure-sink"} 0');
});

test("two processes' worth of metrics can live in one process", async () => {
  const [one, two] = [make(), make()];
  one.counter({ name: "t_total", help: "t" }).add({});
  two.counter({ name: "t_total", help: "t" });
  expect((await one.page()).text).toContain('t_total{service="azure-sink"} 1');
  expect((await two.page()).text).toContain('t_total{service="azure-sink"} 0');
});

test("the process's own figures come where they are asked for", async () => {
  const { text } = await createMetrics({ service: "x", version: "1", processFigures: true }).page();
  expect(text).toContain("nodejs_eventloop_lag_seconds");
  expect((await make().page()).text).not.toContain("nodejs_eventloop_lag_seconds");
});
