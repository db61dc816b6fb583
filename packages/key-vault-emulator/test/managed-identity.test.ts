// Proves: the managed-identity credential of the SDK gets tokens here, as it does on a virtual machine.
import { ManagedIdentityCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";
import { expect, test } from "vitest";
import { startKeyVaultEmulator } from "../src/index.ts";
import { loopbackAgent } from "./support/https-client.ts";

test("the SDK's managed identity sets a secret as the principal that is marked for it", async () => {
  const marked = "7e6d5c4b-3a29-4180-9f8e-7d6c5b4a3928";
  await using emulator = await startKeyVaultEmulator({
    managedIdentityPort: 0,
    principals: [
      { clientId: "other", clientSecret: "s" },
      { clientId: marked, managedIdentity: true },
    ],
  });
  process.env["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = emulator.managedIdentityUrl;
  const agent = loopbackAgent(emulator.caPem);
  const client = new SecretClient(emulator.vaultUrl("identity"), new ManagedIdentityCredential(), { agent });
  await client.setSecret("a", "v");
  expect(emulator.oracle.requests({ vault: "identity", status: 200 })).toMatchObject([{ principal: marked }]);
  agent.destroy();
});
