// Proves: the faults that can be ordered, and that the oracle tells what really happened under them.
import { expect, test } from "vitest";
import type { FaultHandle, FaultRule } from "../../src/index.ts";
import { sha256 } from "../../src/index.ts";
import { refused, told } from "../support/refusals.ts";
import { needs, vaultUnderTest } from "../support/vault-under-test.ts";

const vault = vaultUnderTest();

const set = (inVault: string, name: string, value = "v"): Promise<number> =>
  vault.raw("PUT", `/secrets/${name}`, { vault: inVault, body: { value } }).then(({ status }) => status);

/** Has a rule in force while something runs. */
async function under(rule: FaultRule, body: (handle: FaultHandle) => Promise<void>): Promise<void> {
  const handle = vault.emulator.faults.add(rule);
  try {
    await body(handle);
  } finally {
    handle.remove();
  }
}

test("without faults a call is one call", async () => {
  expect(await set("conformance", vault.freshName("faults"))).toBe(200);
});

test.each(needs("control"))("an error comes instead of the effect", async () => {
  const fault = { kind: "error", status: 503 } as const;
  await under({ fault, vault: "faults-error" }, async () => {
    const answer = await vault.raw("PUT", "/secrets/a", { vault: "faults-error", body: { value: "v" } });
    expect(told(answer)).toMatchObject({ status: 503, code: "ServiceUnavailable" });
  });
  expect(vault.emulator.state("faults-error")).toEqual([]);
});

test.each(needs("control"))("an error may have any code, inner code and Retry-After", async () => {
  const fault = {
    kind: "error",
    status: 409,
    code: "Conflict",
    innerCode: "ObjectIsBeingRecovered",
    retryAfterSeconds: 3,
  } as const;
  await under({ fault, vault: "faults-custom" }, async () => {
    const answer = await vault.raw("GET", "/secrets", { vault: "faults-custom" });
    expect(told(answer)).toEqual({ status: 409, code: "Conflict", inner: "ObjectIsBeingRecovered" });
    expect(answer.headers["retry-after"]).toBe("3");
  });
});

test.each(needs("control"))("the SDK gets over errors that pass", async () => {
  const client = vault.client("faults-pass", { retryOptions: { maxRetries: 3, retryDelayInMs: 1 } });
  await under({ fault: { kind: "error", status: 500 }, vault: "faults-pass", count: 2 }, async (rule) => {
    await client.setSecret("a", "v");
    expect(rule.fired).toBe(2);
  });
  expect(vault.emulator.oracle.writes("faults-pass")).toHaveLength(1);
});

test.each(needs("control"))("a reset before the effect leaves nothing behind", async () => {
  await under({ fault: { kind: "reset-before" }, vault: "faults-before" }, async () => {
    await expect(set("faults-before", "a")).rejects.toThrow("socket hang up");
  });
  expect(vault.emulator.state("faults-before")).toEqual([]);
});

test.each(needs("control"))("a reset after the effect is the lost answer: the version is there", async () => {
  await under({ fault: { kind: "reset-after" }, vault: "faults-after", count: 1 }, async () => {
    await expect(set("faults-after", "a", "kept")).rejects.toThrow("socket hang up");
  });
  expect(vault.emulator.oracle.writes("faults-after")).toMatchObject([
    { name: "a", valueSha256: sha256("kept") },
  ]);
  expect(vault.emulator.oracle.requests({ vault: "faults-after" })).toMatchObject([{ status: -1 }]);
});

test.each(needs("control"))("a retry after a lost answer makes a second version", async () => {
  const client = vault.client("faults-retry", { retryOptions: { maxRetries: 3, retryDelayInMs: 1 } });
  await client.listPropertiesOfSecrets().byPage({ maxPageSize: 1 }).next();
  await under({ fault: { kind: "reset-after" }, vault: "faults-retry", count: 1 }, async () => {
    await client.setSecret("a", "v");
  });
  expect(vault.emulator.state("faults-retry")[0]?.versions).toHaveLength(2);
});

test.each(needs("control"))(
  "an answer cut in the middle of its JSON is an error for the SDK, and has its effect",
  async () => {
    const client = vault.client("faults-cut");
    await client.listPropertiesOfSecrets().byPage({ maxPageSize: 1 }).next();
    await under({ fault: { kind: "truncated-json" }, vault: "faults-cut", count: 1 }, async () => {
      await expect(client.setSecret("a", "v")).rejects.toThrow("JSON");
    });
    expect(vault.emulator.oracle.writes("faults-cut")).toHaveLength(1);
  },
);

test.each(needs("control"))("a slow body comes whole in the end", async () => {
  await under({ fault: { kind: "slow-body", ms: 20 }, vault: "faults-slow" }, async () => {
    const { json } = await vault.raw("PUT", "/secrets/a", { vault: "faults-slow", body: { value: "v" } });
    expect(json["value"]).toBe("v");
  });
});

test.each(needs("control"))("latency comes before the effect", async () => {
  await under({ fault: { kind: "latency", ms: 30 }, vault: "faults-late" }, async () => {
    const call = set("faults-late", "a");
    await expect.poll(() => vault.emulator.oracle.requests({ vault: "faults-late" })).toHaveLength(1);
    expect(await call).toBe(200);
  });
  expect(vault.emulator.oracle.writes("faults-late")).toHaveLength(1);
});

test.each(needs("control"))(
  "a call that is held lands after a later one, even if its client has gone",
  async () => {
    const abort = new AbortController();
    const client = vault.client("faults-hold");
    await client.setSecret("a", "first");
    await under(
      { fault: { kind: "hold" }, vault: "faults-hold", operations: ["set"], count: 1 },
      async (rule) => {
        const held = client.setSecret("a", "late", { abortSignal: abort.signal });
        await expect.poll(() => rule.held).toBe(1);
        abort.abort();
        await expect(held).rejects.toThrow("aborted");
        await client.setSecret("a", "later");
        rule.release();
        await expect.poll(() => vault.emulator.oracle.writes("faults-hold")).toHaveLength(3);
      },
    );
    expect((await client.getSecret("a")).value).toBe("late");
  },
);

test.each(needs("control"))("a stale list shows the past, while a get shows the present", async () => {
  await set("faults-stale", "old");
  await under({ fault: { kind: "stale-list" }, vault: "faults-stale", operations: ["list"] }, async () => {
    await set("faults-stale", "new");
    const names: string[] = [];
    for await (const item of vault.client("faults-stale").listPropertiesOfSecrets()) names.push(item.name);
    expect(names).toEqual(["old"]);
    expect((await vault.client("faults-stale").getSecret("new")).value).toBe("v");
  });
  const { json } = await vault.raw("GET", "/secrets", { vault: "faults-stale" });
  expect(json["value"]).toHaveLength(2);
});

test.each(needs("control"))("a rule may be for an operation, a vault, and a pattern of names", async () => {
  const rule = {
    fault: { kind: "error", status: 500 },
    operations: ["set"],
    vault: "faults-some",
    namePattern: "^bad-",
  } as const;
  await under(rule, async () => {
    expect(await set("faults-some", "bad-one")).toBe(500);
    expect(await set("faults-some", "good-one")).toBe(200);
    expect(await set("faults-others", "bad-one")).toBe(200);
    expect((await vault.raw("GET", "/secrets/bad-one/versions", { vault: "faults-some" })).status).toBe(200);
  });
});

test.each(needs("control"))("a rule may let some calls pass, and end after some", async () => {
  const rule = { fault: { kind: "error", status: 500 }, vault: "faults-count", skip: 1, count: 2 } as const;
  await under(rule, async () => {
    const statuses: number[] = [];
    for (let at = 0; at < 5; at += 1) statuses.push(await set("faults-count", "a"));
    expect(statuses).toEqual([200, 500, 500, 200, 200]);
  });
});

test.each(needs("control"))("the same seed gives the same faults", async () => {
  const run = async (): Promise<readonly number[]> => {
    const statuses: number[] = [];
    const rule = {
      fault: { kind: "error", status: 500 },
      vault: "faults-seed",
      probability: 0.5,
      seed: 42,
    } as const;
    await under(rule, async () => {
      for (let at = 0; at < 20; at += 1) statuses.push(await set("faults-seed", "a"));
    });
    return statuses;
  };
  const first = await run();
  expect(new Set(first)).toEqual(new Set([200, 500]));
  expect(await run()).toEqual(first);
});

test.each(needs("control"))("a token endpoint that fails is a fault of its own", async () => {
  await under({ fault: { kind: "error", status: 500 }, operations: ["token"] }, async () => {
    const credential = vault.credential();
    await expect(credential.getToken("https://vault.azure.net/.default")).rejects.toThrow("fault rule");
  });
});

test.each(needs("control"))("a rule without operations leaves the token endpoint alone", async () => {
  await under({ fault: { kind: "error", status: 500 } }, async () => {
    const { token } = await vault.credential().getToken("https://vault.azure.net/.default");
    expect(token).not.toBe("");
  });
});

test.each(needs("control"))("a fault of a name that is deleted does not stop others", async () => {
  await under(
    { fault: { kind: "error", status: 500 }, namePattern: "x", vault: "faults-names" },
    async () => {
      expect(await refused(vault.client("faults-names").getSecret("x"))).toMatchObject({ status: 500 });
      expect(await refused(vault.client("faults-names").getSecret("y"))).toMatchObject({ status: 404 });
    },
  );
});
