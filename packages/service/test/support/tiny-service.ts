// A service with nothing in it, for the tests of the process shell. Lines on its stdin say what happens to it next.
import { createInterface } from "node:readline";
import { runService } from "../../src/index.ts";

let isConnected = false;

await runService({
  name: "tiny-service",
  section: "azureSink",
  start: async ({
    addReadinessCheck,
    announce,
    config,
    logger,
    onShutdown,
    rereadSecrets,
    secrets,
    signal,
  }) => {
    addReadinessCheck("upstream", () =>
      isConnected ? { kind: "ready" } : { kind: "waiting", why: "upstream does not answer" },
    );
    onShutdown("first", () => logger.info({ part: "first" }, "closed"));
    onShutdown("second", () => logger.info({ part: "second" }, "closed"));
    const commands = createInterface({ input: process.stdin });
    onShutdown("commands", () => commands.close());
    commands.on("line", (line) => {
      if (line === "connect") isConnected = true;
      if (line === "throw") throw new Error(`nobody catches ${secrets.token?.reveal()}`);
      if (line === "reject") void Promise.reject(new Error(`nobody catches ${secrets.token?.reveal()}`));
      if (line === "hang") onShutdown("hanging", () => new Promise(() => undefined));
      if (line === "fail") onShutdown("failing", () => Promise.reject(new Error("cannot close")));
      if (line === "reread")
        void rereadSecrets().then((again) => logger.info({ bytes: again.token?.sizeBytes }, "reread"));
      logger.info({ line }, "told");
    });
    logger.info(
      { concurrency: config.azureSink.concurrency, secrets, token: secrets.token?.reveal() },
      "configured",
    );
    const mode = process.env["TINY_START"];
    if (mode === "fails") throw new Error("cannot start");
    if (mode === "waits") await untilAborted(signal);
    await announce({ api: "127.0.0.1:1" });
  },
});

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error));
  });
}
