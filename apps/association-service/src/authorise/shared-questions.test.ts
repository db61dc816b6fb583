import type { CapabilitiesAnswer } from "@keyferry/vault-client";
import { expect, test } from "vitest";
import { SharedQuestions } from "./shared-questions.ts";

/** A source that answers each question when it is let, with one word per path. */
function source() {
  interface Question {
    readonly paths: readonly string[];
    readonly answer: () => void;
    readonly fail: () => void;
  }
  const questions: Question[] = [];
  const waiters = new Map<number, (question: Question) => void>();
  const ask = (paths: readonly string[]): Promise<CapabilitiesAnswer> =>
    new Promise((resolve, reject) => {
      const question: Question = {
        paths,
        answer: () =>
          resolve({ kind: "granted", capabilities: new Map(paths.map((path) => [path, [`may ${path}`]])) }),
        fail: () => reject(new Error("not this one")),
      };
      waiters.get(questions.length)?.(question);
      questions.push(question);
    });
  const nth = (index: number): Promise<Question> => {
    const asked = questions[index];
    if (asked !== undefined) return Promise.resolve(asked);
    return new Promise((resolve) => waiters.set(index, resolve));
  };
  return { questions, ask, nth };
}

const rightsOn = async (path: string, answer: Promise<CapabilitiesAnswer>) => {
  const got = await answer;
  return got.kind === "granted" ? got.capabilities.get(path) : got.kind;
};

test("who asks while a question is on its way shares the next one, which begins after they asked", async () => {
  const { questions, ask, nth } = source();
  const shared = new SharedQuestions();
  const first = rightsOn("a", shared.ask("t", ["a"], ask));
  const others = ["b", "c"].map((path) => rightsOn(path, shared.ask("t", [path, "both"], ask)));
  expect(questions.map(({ paths }) => paths)).toEqual([["a"]]);
  (await nth(0)).answer();
  const second = await nth(1);
  expect(second.paths).toEqual(["b", "both", "c"]);
  // The question about it has begun: too late to share.
  const late = rightsOn("d", shared.ask("t", ["d"], ask));
  second.answer();
  (await nth(2)).answer();
  expect(await Promise.all([first, ...others, late])).toEqual([["may a"], ["may b"], ["may c"], ["may d"]]);
  expect(questions).toHaveLength(3);
});

test("two tokens never share", async () => {
  const { questions, ask } = source();
  const shared = new SharedQuestions();
  const answers = [shared.ask("t", ["a"], ask), shared.ask("u", ["a"], ask)];
  expect(questions).toHaveLength(2);
  for (const { answer } of questions) answer();
  await Promise.all(answers);
});

test("a shared question that fails is asked again by each alone, and only the guilty one fails", async () => {
  const { ask, nth } = source();
  const shared = new SharedQuestions();
  const first = shared.ask("t", ["a"], ask);
  const good = rightsOn("good", shared.ask("t", ["good"], ask));
  const bad = rightsOn("bad", shared.ask("t", ["bad"], ask));
  (await nth(0)).answer();
  (await nth(1)).fail();
  for (const index of [2, 3]) {
    const alone = await nth(index);
    if (alone.paths.includes("bad")) alone.fail();
    else alone.answer();
  }
  expect(await good).toEqual(["may good"]);
  await expect(bad).rejects.toThrow("not this one");
  await first;
});

test("a question does not grow without end: what does not fit is asked at once, alone", async () => {
  const { questions, ask, nth } = source();
  const shared = new SharedQuestions();
  const paths = Array.from({ length: 70 }, (_, index) => `p${index}`);
  const answers = ["first", ...paths].map((path) => shared.ask("t", [path], ask));
  expect(questions.map((question) => question.paths)).toEqual([
    ["first"],
    ...paths.slice(64).map((path) => [path]),
  ]);
  for (const { answer } of questions) answer();
  const together = await nth(7);
  expect(together.paths).toHaveLength(64);
  together.answer();
  await Promise.all(answers);
});

test("when all is answered nothing is kept: the next question begins at once", async () => {
  const { questions, ask, nth } = source();
  const shared = new SharedQuestions();
  const first = shared.ask("t", ["a"], ask);
  (await nth(0)).answer();
  await first;
  const second = shared.ask("t", ["a"], ask);
  expect(questions).toHaveLength(2);
  (await nth(1)).answer();
  await second;
});
