import { describe, expect, test } from "vitest";
import { Failure } from "../failure.ts";
import { type Configuration, readConfiguration, stepsFor } from "./configuration.ts";

const FILE = `version: 1
destinations:
  - name: kv-prod
    key_vault_uri: https://kv-prod.vault.azure.net
    custom_tags: {}
associations:
  - { destination: kv-prod, mount: my-kv/, secret_name: app/db }
rules: []
`;
const EMPTY: Configuration = { destinations: [], associations: [], rules: [] };

describe("a configuration file", () => {
  test("is read with its mounts in their one spelling", () => {
    expect(readConfiguration(FILE, "f").associations).toEqual([
      { destination: "kv-prod", mount: "my-kv", secret_name: "app/db" },
    ]);
  });

  test.each([
    ["version: 2", "version is not 1"],
    ["version: 1\nsecrets: []", "secrets is not a section"],
    ["version: 1\ndestinations: {}", "destinations is not a list"],
    ["version: 1\nassociations: [{mount: a}]", "associations[0] has no destination, secret_name"],
    ["version: 1\ndestinations: [{name: a}, {name: a}]", "destinations[1] is there twice"],
    ["version: 1\ndestinations: [{name: a, client_secret: x}]", "holds a client_secret"],
    ["a: [", "is not YAML"],
    ["just text", "has no sections"],
  ])("%j is refused: %s", (text, words) => {
    const read = () => readConfiguration(text, "f");
    expect(read).toThrow(Failure);
    expect(read).toThrow(words);
  });
});

describe("the steps from what there is to a file", () => {
  test("are none once it is applied: applying twice does nothing the second time", () => {
    const wished = readConfiguration(FILE, "f");
    expect(stepsFor(EMPTY, wished, true).map(({ action, kind, name }) => [action, kind, name])).toEqual([
      ["create", "destination", "kv-prod"],
      ["create", "association", "my-kv/app/db → kv-prod"],
    ]);
    expect(stepsFor(wished, wished, true)).toEqual([]);
  });

  test("name what changes, and leave out what the file does not mention", () => {
    const wished = readConfiguration(FILE, "f");
    const [destination = {}] = wished.destinations;
    const current = {
      ...wished,
      destinations: [
        { ...destination, key_vault_uri: "https://old.vault.azure.net", granularity: "secret-key" },
      ],
    };
    expect(stepsFor(current, wished, true)).toEqual([
      expect.objectContaining({
        action: "update",
        changes: ['key_vault_uri: "https://old.vault.azure.net" → "https://kv-prod.vault.azure.net"'],
      }),
    ]);
  });

  test("take away only with prune, and the destination last", () => {
    const current = readConfiguration(FILE, "f");
    expect(stepsFor(current, EMPTY, false)).toEqual([]);
    expect(stepsFor(current, EMPTY, true).map(({ kind }) => kind)).toEqual(["association", "destination"]);
  });
});
