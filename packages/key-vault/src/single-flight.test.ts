// Reference 5.3: clients and a cold credential fetch a token per request; here all who wait share one.
import type { AccessToken, GetTokenOptions, TokenCredential } from "@azure/identity";
import { expect, test } from "vitest";
import { SingleFlightCredential } from "./single-flight.ts";

const SCOPE = "https://vault.azure.net/.default";

class Inner implements TokenCredential {
  readonly calls: (GetTokenOptions | undefined)[] = [];
  readonly #answers: PromiseWithResolvers<AccessToken>[] = [];

  getToken(_scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    this.calls.push(options);
    const answer = Promise.withResolvers<AccessToken>();
    this.#answers.push(answer);
    return answer.promise;
  }

  answer(token: string): void {
    for (const answer of this.#answers.splice(0)) answer.resolve({ token, expiresOnTimestamp: 1 });
  }

  fail(): void {
    for (const answer of this.#answers.splice(0))
      answer.reject(new Error("AADSTS7000215: canary-client-secret"));
  }
}

test("fifty callers with signals of their own share one flight, and the next caller starts another", async () => {
  const inner = new Inner();
  const credential = new SingleFlightCredential(() => inner);
  const all = Array.from({ length: 50 }, () =>
    credential.getToken(SCOPE, { abortSignal: new AbortController().signal, tenantId: "whatever" }),
  );
  inner.answer("t1");
  expect(new Set((await Promise.all(all)).map(({ token }) => token))).toEqual(new Set(["t1"]));
  expect(inner.calls).toEqual([{ enableCae: true }]);
  const next = credential.getToken(SCOPE);
  inner.answer("t2");
  expect((await next).token).toBe("t2");
});

test("a claims challenge has a flight of its own: its token must be a new one", async () => {
  const inner = new Inner();
  const credential = new SingleFlightCredential(() => inner);
  const both = [credential.getToken(SCOPE), credential.getToken(SCOPE, { claims: "{}" })];
  inner.answer("t");
  await Promise.all(both);
  expect(inner.calls).toEqual([{ enableCae: true }, { enableCae: true, claims: "{}" }]);
});

test("one caller that gives up leaves the flight to the others", async () => {
  const inner = new Inner();
  const credential = new SingleFlightCredential(() => inner);
  const giveUp = new AbortController();
  const first = credential.getToken(SCOPE, { abortSignal: giveUp.signal });
  const second = credential.getToken(SCOPE);
  giveUp.abort();
  await expect(first).rejects.toMatchObject({ code: "operation-aborted" });
  inner.answer("t");
  expect((await second).token).toBe("t");
});

test("after a failure the credential is made anew, and of its error only the code is passed on", async () => {
  const made: Inner[] = [];
  const credential = new SingleFlightCredential(() => {
    const inner = new Inner();
    made.push(inner);
    return inner;
  });
  const failing = credential.getToken(SCOPE);
  made[0]?.fail();
  const error: unknown = await failing.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "vault-credential", details: { aadsts: "AADSTS7000215" } });
  expect(JSON.stringify(error) + String(error)).not.toContain("canary");
  const next = credential.getToken(SCOPE);
  made[1]?.answer("t");
  expect((await next).token).toBe("t");
});
