// Hazard uri-aimed-elsewhere: neither values nor tokens can be aimed at another host.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { checkTenantId, checkVaultUri } from "./vault-address.ts";

test.each([
  ["https://kv-prod.vault.azure.net", undefined, "kv-prod.vault.azure.net"],
  ["https://KV-Prod.Vault.Azure.NET/", "", "kv-prod.vault.azure.net"],
  ["HTTPS://abc.vault.azure.net", "cloud", "abc.vault.azure.net"],
  ["https://abc.vault.usgovcloudapi.net/", "AzureUSGovernmentCloud", "abc.vault.usgovcloudapi.net"],
  ["https://abc.vault.azure.cn", "AzureChinaCloud", "abc.vault.azure.cn"],
])("%s in cloud %s is the vault %s", (uri, cloud, vaultHost) => {
  expect(checkVaultUri(uri, cloud)).toMatchObject({ kind: "ok", vaultHost });
});

test.each([
  ["http://abc.vault.azure.net"],
  ["https://abc.vault.azure.net:443"],
  ["https://abc.vault.azure.net:8443/"],
  ["https://user@abc.vault.azure.net"],
  ["https://abc.vault.azure.net@evil.example"],
  ["https://abc.vault.azure.net/secrets"],
  ["https://abc.vault.azure.net//"],
  ["https://abc.vault.azure.net?x"],
  ["https://abc.vault.azure.net#x"],
  ["https://abc.vault.azure.net.evil.example"],
  ["https://abc.vault.azure.net."],
  ["https://evil.example/abc.vault.azure.net"],
  ["https://abcvault.azure.net"],
  ["https://.vault.azure.net"],
  ["https://vault.azure.net"],
  ["https://a.b.vault.azure.net"],
  ["https://ab.vault.azure.net"],
  ["https://1bc.vault.azure.net"],
  ["https://a--c.vault.azure.net"],
  ["https://abc-.vault.azure.net"],
  ["https://аbc.vault.azure.net"],
  ["https://abc.vault.azure.net\\@evil.example"],
  ["https://abc\n.vault.azure.net"],
  ["https://127.0.0.1"],
  [" https://abc.vault.azure.net"],
  [""],
])("%j is refused", (uri) => {
  expect(checkVaultUri(uri).kind).toBe("refused");
});

test("a host of another cloud, and a cloud that does not exist, are refused", () => {
  expect(checkVaultUri("https://abc.vault.azure.cn", "AzurePublicCloud").kind).toBe("refused");
  expect(checkVaultUri("https://abc.vault.azure.net", "AzureMoonCloud").kind).toBe("refused");
  expect(checkVaultUri("https://abc.vault.azure.net", "constructor").kind).toBe("refused");
});

test("what is accepted, a URL parser reads as that very host and nothing else", () => {
  const text = fc.stringMatching(
    /^https:\/\/[a-z0-9:@/?#.\\%-]{0,20}(\.vault\.azure\.net)?[/:@?#a-z0-9.]{0,4}$/,
  );
  fc.assert(
    fc.property(text, (uri) => {
      const check = checkVaultUri(uri);
      if (check.kind === "refused") return;
      const url = new URL(uri);
      expect(url.href).toBe(`https://${check.vaultHost}/`);
    }),
    { numRuns: 1_000 },
  );
});

test("a tenant is a UUID or a DNS name", () => {
  expect(checkTenantId("0f8fad5b-d9cb-469f-a165-70867728950e").kind).toBe("ok");
  expect(checkTenantId("contoso.onmicrosoft.com").kind).toBe("ok");
  for (const bad of ["", "common", "../x", "a.b/c", "a b.com", "x".repeat(300) + ".com", "a..b"]) {
    expect(checkTenantId(bad).kind).toBe("refused");
  }
});
