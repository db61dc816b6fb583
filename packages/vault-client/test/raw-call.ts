// Plain HTTP to the server under test, on purpose without the client: what both got wrong would pass.
import type { OpenBaoServer } from "@keyferry/testkit";

/** Calls `/v1/<path>` with the root token; throws unless the answer is a 2xx. */
export async function call(
  bao: OpenBaoServer,
  method: string,
  path: string,
  body?: string,
  namespace = "",
): Promise<void> {
  const response = await fetch(`${bao.url}/v1/${path}`, {
    method,
    headers: {
      "x-vault-token": bao.rootToken,
      ...(namespace === "" ? {} : { "x-vault-namespace": namespace }),
    },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
}
