// Owns: somebody else's secrets in the same vaults, which nothing of ours may touch (P3).

import { readFile } from "node:fs/promises";
import { request } from "node:https";
import type { KeyVaultProcess } from "@keyferry/testkit";
import { STRANGER } from "../stand/stand.ts";

/** Puts a secret as the stranger, over the data plane. */
export async function putAsStranger(keyVault: KeyVaultProcess, vault: string, name: string): Promise<void> {
  const { token } = (await keyVault.control("POST", "token", { clientId: STRANGER })) as { token: string };
  const host = `${vault}.vault.azure.net`;
  const ca = await readFile(keyVault.caFile);
  const status = await new Promise<number>((resolve, reject) => {
    const call = request(
      {
        host: "127.0.0.1",
        port: keyVault.port,
        servername: host,
        ca,
        method: "PUT",
        path: `/secrets/${name}?api-version=7.4`,
        headers: { Host: host, Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      },
      (answer) => {
        answer.resume();
        answer.once("end", () => resolve(answer.statusCode ?? 0));
      },
    );
    call.once("error", reject);
    call.end(JSON.stringify({ value: "somebody-elses" }));
  });
  if (status !== 200) throw new Error(`the vault answered the stranger ${status}`);
}
