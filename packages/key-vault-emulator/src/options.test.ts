import { expect, test } from "vitest";
import { readArguments } from "./cli-arguments.ts";
import { resolveOptions, vaultSettings } from "./options.ts";

test("all faults of the options are told at once", () => {
  const wrong = {
    port: -1,
    principals: [],
    vaults: ["1"],
    softDelete: { deletingMs: -5 },
    limits: { vaultCreates: -1 },
  };
  expect(() => resolveOptions(wrong)).toThrow(/port.*principals.*deletingMs.*vault name.*vaultCreates/);
});

test("single figures of limits and delays replace Azure's and leave the rest", () => {
  const { limits, delays } = resolveOptions({ limits: { vaultCreates: 7 }, softDelete: { purgingMs: 9 } });
  expect(limits).toMatchObject({ vaultCreates: 7, vaultOthers: 4_000 });
  expect(delays).toMatchObject({ purgingMs: 9, deletingMs: 5_000 });
});

test("a vault's own settings go before the defaults", () => {
  const options = resolveOptions({
    vaults: { "Vault-A": { retentionDays: 7 } },
    vaultDefaults: { retentionDays: 30, purgeProtection: true },
  });
  expect(vaultSettings(options, "vault-a")).toMatchObject({ retentionDays: 7, purgeProtection: true });
});

test("the command line goes before the file it names", () => {
  const file = JSON.stringify({
    limits: { vaultCreates: 3 },
    vaultDefaults: { purgeProtection: true },
    region: "north",
  });
  const argv = [
    "node",
    "cli",
    "--config",
    "f",
    "--window",
    "fixed",
    "--retention-days",
    "9",
    "--region",
    "south",
  ];
  expect(readArguments(argv, () => file).options).toMatchObject({
    limits: { vaultCreates: 3, shape: "fixed" },
    vaultDefaults: { purgeProtection: true, retentionDays: 9 },
    region: "south",
  });
});

test("nothing said is nothing set", () => {
  const { options, readyFile } = readArguments(["node", "cli"], () => "");
  expect(options).toEqual({ vaultDefaults: {} });
  expect(readyFile).toBeUndefined();
});
