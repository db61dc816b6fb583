// Owns: one request to NATS or Redis as their own command lines would send it, for tests that take data away.
import { randomUUID } from "node:crypto";
import { connect } from "node:net";

/** Sends one request over NATS's text protocol and returns the reply's JSON. */
export async function natsRequest(port: number, subject: string, body: object = {}): Promise<unknown> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port });
    const inbox = `_INBOX.${randomUUID()}`;
    const payload = JSON.stringify(body);
    let received = "";
    socket.once("connect", () => {
      socket.write('CONNECT {"verbose":false,"pedantic":false}\r\n');
      socket.write(
        `SUB ${inbox} 1\r\nPUB ${subject} ${inbox} ${Buffer.byteLength(payload)}\r\n${payload}\r\n`,
      );
    });
    socket.on("data", (chunk) => {
      received += chunk.toString("utf8");
      const message = /MSG \S+ 1 (\d+)\r\n/u.exec(received);
      if (message === null) return;
      const start = message.index + message[0].length;
      const size = Number(message[1]);
      if (received.length < start + size + 2) return;
      socket.destroy();
      resolve(JSON.parse(received.slice(start, start + size)));
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the connection ended before the reply")));
  });
}

/** Sends one inline command to Redis and returns the raw reply. */
export async function redisCommand(port: number, command: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port });
    let reply = "";
    // QUIT makes the server end the connection after the reply, so the end of the stream is the end of the reply.
    socket.once("connect", () => socket.write(`${command}\r\nQUIT\r\n`));
    socket.on("data", (chunk) => (reply += chunk.toString("utf8")));
    socket.once("error", reject);
    socket.once("end", () => {
      socket.destroy();
      resolve(reply.replace(/\+OK\r\n$/u, "").trimEnd());
    });
  });
}
