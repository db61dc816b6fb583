import { expect, test } from "vitest";
import { readHost } from "./host.ts";

test("a host under the suffix is a vault, with the port in links but not in ids", () => {
  expect(readHost("My-Vault.vault.azure.net:8443", "vault.azure.net")).toEqual({
    kind: "vault",
    vault: "my-vault",
    idOrigin: "https://my-vault.vault.azure.net",
    linkOrigin: "https://my-vault.vault.azure.net:8443",
  });
});

test("without a port links have :443, as the service writes them", () => {
  expect(readHost("v-1.vault.azure.net", "vault.azure.net")).toMatchObject({
    linkOrigin: "https://v-1.vault.azure.net:443",
  });
});

test.each(["localhost:1", "127.0.0.1", "[::1]:9", "vault.azure.net", "evilvault.azure.net"])(
  "%s is no vault",
  (host) => {
    expect(readHost(host, "vault.azure.net").kind).toBe("other");
  },
);

test.each([undefined, "", "a b", "user@v.vault.azure.net", "v.vault.azure.net:port", "v.vault.azure.net/x"])(
  "%j is no host",
  (host) => {
    expect(readHost(host, "vault.azure.net").kind).toBe("invalid");
  },
);
