// The process shell as a parent process, a probe and a person at a terminal see it: a real process per test.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { writeFile } from "node:fs/promises";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type ServiceProcess, startService, until } from "./support/service-process.ts";

const CANARY = "canary-7f3a9c";

const yaml = (listen = "127.0.0.1:0", token = CANARY): string => `
source: { address: "http://127.0.0.1:8200" }
nats: { servers: [nats://127.0.0.1:4222] }
redis: { url: "redis://:${CANARY}@127.0.0.1:6379" }
azureSink: { listen: "${listen}", token: "${token}", concurrency: 3 }
`;

async function probe(service: ServiceProcess, path: string) {
  const response = await fetch(`http://${await service.announced("listen")}${path}`);
  return { status: response.status, text: await response.text() };
}

const logged = (service: ServiceProcess, message: string) =>
  until(() => service.lines().find((line) => line["message"] === message));

test("a service is 503 with the reason while it waits, 200 afterwards, and ends with 0 at SIGTERM", async () => {
  await using service = await startService(yaml());
  expect(await service.announced("api")).toBe("127.0.0.1:1");
  expect(JSON.parse((await probe(service, "/readyz")).text)).toEqual({
    ready: false,
    waitingFor: [{ check: "upstream", why: "upstream does not answer" }],
  });
  expect((await probe(service, "/readyz")).status).toBe(503);
  expect((await probe(service, "/healthz")).status).toBe(200);
  expect((await probe(service, "/metrics")).text).toMatch(
    /keyferry_build_info\{.*service="tiny-service"\} 1/,
  );

  service.tell("connect");
  await logged(service, "told");
  expect((await probe(service, "/readyz")).status).toBe(200);

  service.child.kill("SIGTERM");
  expect(await service.ended()).toBe(0);
  const parts = service.lines().filter((line) => line["message"] === "closed");
  expect(parts.map((line) => line["part"])).toEqual(["second", "first"]);
  expect(service.lines().at(-1)).toMatchObject({ message: "stopped", service: "tiny-service" });
});

test("P5: no secret is written, though the service logs its whole configuration and its token by name", async () => {
  await using service = await startService(yaml());
  await service.announced("api");
  service.child.kill("SIGINT");
  expect(await service.ended()).toBe(0);
  expect(await logged(service, "configured")).toMatchObject({ concurrency: 3, token: "[redacted]" });
  expect(JSON.stringify(service.output())).not.toContain(CANARY);
});

test("a wrong configuration ends with 2, with every fault on stderr and nothing on stdout", async () => {
  const wrong = yaml().replace("concurrency: 3", "concurency: 3, listen2: x").replace("nats:", "nuts:");
  await using service = await startService(wrong);
  expect(await service.ended()).toBe(2);
  const { stdout, stderr } = service.output();
  expect(stdout).toBe("");
  expect(stderr).toContain("Did you mean azureSink.concurrency?");
  for (const path of ["nuts", "nats.servers", "azureSink.concurency", "azureSink.listen2"]) {
    expect(stderr).toContain(`\n  ${path} `);
  }
  expect(stderr).not.toContain(CANARY);
});

test("a configuration that is not there, and an argument that nobody knows, end with 2", async () => {
  await using absent = await startService(yaml(), {}, ["--config", "gone.yaml"]);
  await using unknown = await startService(yaml(), {}, ["--confg", "keyferry.yaml"]);
  expect(await absent.ended()).toBe(2);
  expect(absent.output().stderr).toContain("gone.yaml: 1 fault");
  expect(await unknown.ended()).toBe(2);
  expect(unknown.output().stderr).toContain("--confg");
});

test("help and version are printed on stdout, without a configuration", async () => {
  await using help = await startService("", {}, ["--help"]);
  await using version = await startService("", {}, ["--version"]);
  expect([await help.ended(), await version.ended()]).toEqual([0, 0]);
  expect(help.output().stdout).toContain("--config FILE");
  expect(version.output().stdout).toMatch(/^tiny-service \d+\.\d+\.\d+\n$/);
});

test("a port that is taken ends with 1 and names the key to change", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  try {
    const { port } = other.address() as AddressInfo;
    await using service = await startService(yaml(`127.0.0.1:${port}`));
    expect(await service.ended()).toBe(1);
    expect(service.lines().find((line) => line["level"] === "error")).toMatchObject({
      error: { code: "listen-address-taken", message: expect.stringContaining("azureSink.listen") },
    });
  } finally {
    other.close();
  }
});

test("RUN-1, RUN-2: a start that waits for a server is no failure: it is probed, and stops with 0", async () => {
  await using service = await startService(yaml(), { TINY_START: "waits" });
  await logged(service, "configured");
  const { status, text } = await probe(service, "/readyz");
  expect(status).toBe(503);
  expect(text).toContain("the service is starting");
  service.child.kill("SIGTERM");
  expect(await service.ended()).toBe(0);
  expect(service.lines().filter((line) => line["message"] === "closed")).toHaveLength(2);
});

test("a start that fails ends with 1, and closes what was open", async () => {
  await using service = await startService(yaml(), { TINY_START: "fails" });
  expect(await service.ended()).toBe(1);
  expect(service.lines().filter((line) => line["message"] === "closed")).toHaveLength(2);
  expect(service.lines().find((line) => line["level"] === "error")).toMatchObject({
    error: { code: "unexpected" },
  });
});

test("RUN-4: what nobody caught is logged as unexpected, without its text, and ends with 1", async () => {
  await using throwing = await startService(yaml());
  await using rejecting = await startService(yaml());
  for (const [service, line] of [
    [throwing, "throw"],
    [rejecting, "reject"],
  ] as const) {
    await service.announced("api");
    service.tell(line);
    expect(await service.ended()).toBe(1);
    expect(service.lines().at(-1)).toMatchObject({ level: "error", error: { code: "unexpected" } });
    expect(JSON.stringify(service.output())).not.toContain(CANARY);
  }
});

test("RUN-3: a second signal ends at once what hangs, with 1", async () => {
  await using service = await startService(yaml());
  await service.announced("api");
  service.tell("hang");
  await logged(service, "told");
  service.child.kill("SIGTERM");
  await logged(service, "stopping");
  service.child.kill("SIGTERM");
  expect(await service.ended()).toBe(1);
});

test("a part that cannot be closed is told, the rest is closed, and the exit code is 1", async () => {
  await using service = await startService(yaml());
  await service.announced("api");
  service.tell("fail");
  await logged(service, "told");
  service.child.kill("SIGTERM");
  expect(await service.ended()).toBe(1);
  expect(service.lines().filter((line) => line["message"] === "closed")).toHaveLength(2);
});

test("a secret that was rotated is read anew while the service runs", async () => {
  await using service = await startService(yaml(undefined, "12345"));
  await service.announced("api");
  await writeFile(join(service.folder, "keyferry.yaml"), yaml(undefined, "1234567"));
  service.tell("reread");
  expect(await logged(service, "reread")).toMatchObject({ bytes: 7 });
});
