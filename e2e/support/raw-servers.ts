// Owns: one request to Redis as its own command line would send it, for tests that take data away.
import { connect } from "node:net";

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
