import type { SecretState, SyncSpec } from "@keyferry/contracts";
import { describe, expect, test } from "vitest";
import { planChange, type PlannedPair } from "./plan-change.ts";

const DESTINATION = { type: "azure-kv", name: "kv-prod" };
const SPEC: SyncSpec = { granularity: "secret-path", nameTemplate: "{{ .SecretPath }}", customTags: {} };

function present(...live: readonly number[]): SecretState {
  const versions = live.map((number) => [
    String(number),
    { createdTime: "2026-01-01T00:00:00Z", deletionTime: "", destroyed: false, live: true },
  ]);
  return {
    kind: "present",
    incarnation: "2026-01-01T00:00:00Z",
    current: Math.max(0, ...live),
    oldest: 0,
    versions: Object.fromEntries(versions),
    customMetadata: {},
    maxVersions: 0,
    casRequired: false,
    deleteVersionAfter: "0s",
  };
}

function pair(path: string, over: Partial<PlannedPair> = {}): PlannedPair {
  const secret = { source: "main", namespace: "", mount: "my-kv", accessor: "kv_1", path };
  return { secret, state: present(1), names: [], spec: SPEC, proposed: SPEC, ...over };
}

const plan = (pairs: readonly PlannedPair[], taken: readonly (readonly [string, string])[] = []) =>
  planChange({ destination: DESTINATION, pairs, taken: new Map(taken) });

const kinds = (pairs: readonly PlannedPair[], taken: readonly (readonly [string, string])[] = []) =>
  plan(pairs, taken).actions.map(({ kind, name }) => `${kind} ${name ?? "-"}`);

describe("the plan of a change", () => {
  test("creates what is not there, updates what is old, leaves what is right", () => {
    expect(
      kinds([
        pair("new"),
        pair("old", { state: present(1, 2), names: [{ name: "old", version: 1 }] }),
        pair("right", { names: [{ name: "right", version: 1 }] }),
      ]),
    ).toEqual(["create new", "update old", "none right"]);
  });

  test("another template renames: new first, then old; the old name is not told twice", () => {
    const proposed = { ...SPEC, nameTemplate: "x-{{ .SecretPath }}" };
    expect(kinds([pair("app", { names: [{ name: "app", version: 1 }], proposed })])).toEqual([
      "rename x-app",
    ]);
  });

  test("other tags patch", () => {
    const proposed = { ...SPEC, customTags: { team: "a" } };
    expect(kinds([pair("app", { names: [{ name: "app", version: 1 }], proposed })])).toEqual(["patch app"]);
  });

  test("what is wished no more, or has no live version, is deleted", () => {
    const names = [{ name: "app", version: 1 }];
    expect(kinds([pair("app", { names, proposed: undefined })])).toEqual(["delete app"]);
    expect(kinds([pair("app", { names, state: { kind: "gone" } })])).toEqual(["delete app"]);
    expect(kinds([pair("app", { state: { kind: "gone" } })])).toEqual(["none -"]);
  });

  test("names that meet are refused, whatever their case, with whose they are", () => {
    const { actions } = plan([pair("App"), pair("app"), pair("other")], [["other", "my-kv/elsewhere"]]);
    expect(actions.map(({ kind, why }) => [kind, why])).toEqual([
      ["create", "version 1"],
      ["refuse", "my-kv/App has this name already"],
      ["refuse", "my-kv/elsewhere has this name already"],
    ]);
  });

  test("a template that can't be read refuses every secret, with its words", () => {
    const proposed = { ...SPEC, nameTemplate: "{{ .Nothing }}" };
    expect(plan([pair("a", { proposed })]).actions[0]).toMatchObject({
      kind: "refuse",
      why: expect.stringMatching(/Nothing/),
    });
  });

  test("secret-key: known keys are planned one by one, unknown ones are said to be unknown", () => {
    const proposed: SyncSpec = {
      ...SPEC,
      granularity: "secret-key",
      nameTemplate: "{{ .SecretPath }}-{{ .SecretKey }}",
    };
    const names = [{ name: "app-user", subKey: "user", version: 1 }];
    expect(kinds([pair("app", { names, spec: proposed, proposed }), pair("new", { proposed })])).toEqual([
      "none app-user",
      "unknown -",
    ]);
  });

  test("counts calls, and the time that they take at Azure's limits", () => {
    const { calls, counts, seconds } = plan(Array.from({ length: 285 }, (_, index) => pair(`app-${index}`)));
    expect(counts.create).toBe(285);
    expect(calls).toEqual({ creates: 285, others: 285 });
    expect(seconds).toBe(10);
    expect(plan([]).seconds).toBe(0);
  });

  test("what a sink saw under a new name refuses it, or says how it becomes ours; names of ours are not in question", () => {
    const inVault = new Map([
      ["theirs", { kind: "refused" as const, why: "it is theirs" }],
      ["back", { kind: "recovered" as const, why: "it is recovered first" }],
      ["right", { kind: "refused" as const, why: "never asked" }],
    ]);
    const pairs = [pair("theirs"), pair("back"), pair("right", { names: [{ name: "right", version: 1 }] })];
    const { actions, counts } = planChange({ destination: DESTINATION, pairs, taken: new Map(), inVault });
    expect(actions.map(({ kind, why }) => `${kind}: ${why}`)).toEqual([
      "refuse: it is theirs",
      "create: version 1; it is recovered first",
      "none: it holds version 1",
    ]);
    expect(counts).toMatchObject({ refuse: 1, create: 1, none: 1 });
  });
});
