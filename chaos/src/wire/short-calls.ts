// Owns: single requests to Redis and NATS in their own wire's simplest form, so that the fault run needs no client.

import { connect } from "node:net";

const CALL_MS_MAX = 3_000;

/**
 * Sends text to a loopback port and gives what came back once `isWhole` says so.
 * @throws Error where it takes longer than 3 s or the connection ends before
 */
async function exchange(port: number, text: string, isWhole: (answer: string) => boolean): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port });
    const timer = setTimeout(() => socket.destroy(new Error(`no answer from port ${port}`)), CALL_MS_MAX);
    let answer = "";
    socket.once("connect", () => socket.write(text));
    socket.on("data", (chunk) => {
      answer += chunk.toString("utf8");
      if (!isWhole(answer)) return;
      resolve(answer);
      socket.destroy();
    });
    socket.once("error", reject);
    socket.once("close", () => {
      clearTimeout(timer);
      reject(new Error(`port ${port} ended the connection`));
    });
  });
}

/** A command without spaces in its words; the raw reply. */
export async function redisCall(port: number, ...words: readonly string[]): Promise<string> {
  return await exchange(port, `${words.join(" ")}\r\n`, (answer) => answer.endsWith("\r\n"));
}

/** The port of the primary that a Sentinel names. */
export async function primaryPort(sentinelPort: number, name: string): Promise<number> {
  const answer = await exchange(
    sentinelPort,
    `SENTINEL get-master-addr-by-name ${name}\r\n`,
    (text) =>
      text.startsWith("-") || text.startsWith("*-1") || /^\*2\r\n(?:\$\d+\r\n[^\r]+\r\n){2}$/u.test(text),
  );
  const port = Number(answer.split("\r\n")[4]);
  if (!Number.isInteger(port) || port === 0) throw new Error("the Sentinel names no primary");
  return port;
}

/** One request to NATS, e.g. of JetStream's API; gives the reply's payload as text. */
export async function natsRequest(port: number, subject: string, payload = ""): Promise<string> {
  const inbox = "_INBOX.keyferry-chaos";
  const hello = `CONNECT {"verbose":false,"pedantic":false}\r\nSUB ${inbox} 1\r\n`;
  const reply = /MSG \S+ 1 (\d+)\r\n([\s\S]*)\r\n/u;
  const request = `PUB ${subject} ${inbox} ${Buffer.byteLength(payload)}\r\n${payload}\r\n`;
  const answer = await exchange(port, hello + request, (text) => {
    const found = reply.exec(text);
    return found !== null && Buffer.byteLength(found[2] ?? "") >= Number(found[1]);
  });
  return reply.exec(answer)?.[2] ?? "";
}
