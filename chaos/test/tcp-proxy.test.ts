// The proxy between a process and a server: what passes, what does not, and what becomes of connections.
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { eventually } from "@keyferry/testkit";
import { expect, test } from "vitest";
import { startTcpProxy, type TcpProxy } from "../src/wire/tcp-proxy.ts";

interface Echo extends AsyncDisposable {
  readonly proxy: TcpProxy;
}

async function startEcho(): Promise<Echo> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = await startTcpProxy((server.address() as AddressInfo).port);
  return {
    proxy,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      server.close();
    },
  };
}

function open(port: number): { socket: Socket; seen: () => string; isClosed: () => boolean } {
  const socket = connect({ host: "127.0.0.1", port });
  let seen = "";
  let closed = false;
  socket.on("error", () => undefined);
  socket.once("close", () => {
    closed = true;
  });
  socket.on("data", (chunk: Buffer) => {
    seen += chunk.toString("utf8");
  });
  return { socket, seen: () => seen, isClosed: () => closed };
}

test("open passes both ways; a cut resets what is open and refuses what comes", async () => {
  await using echo = await startEcho();
  const first = open(echo.proxy.port);
  first.socket.write("one");
  await eventually(() => first.seen() === "one", { what: "the echo" });
  echo.proxy.set("cut");
  await eventually(first.isClosed, { what: "the open connection to be reset" });
  const second = open(echo.proxy.port);
  await eventually(second.isClosed, { what: "a new connection to be refused" });
  expect(second.seen()).toBe("");
});

test("silence keeps connections and passes nothing; what was under way is dropped when it ends", async () => {
  await using echo = await startEcho();
  const first = open(echo.proxy.port);
  first.socket.write("one");
  await eventually(() => first.seen() === "one", { what: "the echo" });
  echo.proxy.set("silent");
  first.socket.write("two");
  const during = open(echo.proxy.port);
  await once(during.socket, "connect");
  during.socket.write("three");
  expect(first.isClosed()).toBe(false);
  echo.proxy.set("open");
  await eventually(() => first.isClosed() && during.isClosed(), { what: "both to be dropped" });
  expect([first.seen(), during.seen()]).toEqual(["one", ""]);
  const after = open(echo.proxy.port);
  after.socket.write("four");
  await eventually(() => after.seen() === "four", { what: "the echo again" });
  after.socket.destroy();
});
