// Owns: one request to NATS as its own command line would send it, for tests that look at or take away what it holds.
import { connect } from "node:net";
import { randomUUID } from "node:crypto";

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
      if (received.startsWith("-ERR") || received.includes("\n-ERR")) socket.destroy(new Error(received));
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
