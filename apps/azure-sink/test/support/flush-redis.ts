import { once } from "node:events";
import { Socket } from "node:net";

/** FLUSHALL by Redis's inline protocol: there is nothing else to be said to it. */
export async function flushRedis({ hostname, port }: URL): Promise<void> {
  const socket = new Socket();
  socket.connect(Number(port), hostname);
  socket.write("FLUSHALL\r\n");
  await once(socket, "data");
  socket.destroy();
}
