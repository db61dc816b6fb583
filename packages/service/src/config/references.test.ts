import { expect, test } from "vitest";
import { expandReferences, whyUnreadable } from "./references.ts";

const FILES: Readonly<Record<string, string>> = {
  "/run/token": "hvs.abc\n",
  "/run/crlf": "x\r\n\n",
  "/run/raw": "${HOME}",
};

async function expand(tree: unknown, environment: Record<string, string> = {}) {
  const readText = async (path: string): Promise<string> => {
    const text = FILES[path];
    if (text === undefined) throw Object.assign(new Error("ENOENT: secret path"), { code: "ENOENT" });
    return text;
  };
  return expandReferences(tree, { environment, readText });
}

test("a variable stands alone or within a text, any number of times", async () => {
  const { value, faults } = await expand({ a: "${X}", b: "http://${X}:${Y}/" }, { X: "host", Y: "1" });
  expect(value).toEqual({ a: "host", b: "http://host:1/" });
  expect(faults).toEqual([]);
});

test("a default stands in for a variable that is not set or empty, and may be empty itself", async () => {
  const { value } = await expand(["${A:-x y}", "${B:-x}", "${C:-}", "${D:-x}"], { B: "", D: "d" });
  expect(value).toEqual(["x y", "x", "", "d"]);
});

test("every variable that is not set is a fault with the key's path", async () => {
  const { value, faults } = await expand({ a: { b: ["${A}", "${B}${C}"] } });
  expect(value).toEqual({ a: { b: [undefined, undefined] } });
  expect(faults.map(({ path, problem }) => `${path} ${problem}`)).toEqual([
    "a.b[0] refers to the environment variable A, which is not set",
    "a.b[1] refers to the environment variable B, which is not set",
    "a.b[1] refers to the environment variable C, which is not set",
  ]);
});

test("a file gives its text without one newline at its end", async () => {
  const { value } = await expand(["file:/run/token", "file:/run/crlf", "file:${DIR}/token"], { DIR: "/run" });
  expect(value).toEqual(["hvs.abc", "x\r\n", "hvs.abc"]);
});

test("a file that is not there is a fault in our words", async () => {
  const { faults } = await expand({ token: "file:/run/nope" });
  expect(faults).toEqual([
    {
      path: "token",
      problem: "refers to the file /run/nope, which does not exist",
      fix: "Create the file, or let this process's user read it.",
    },
  ]);
});

test("what a reference brings in is never taken for a reference", async () => {
  const environment = { A: "${B}", B: "b", F: "file:/run/token" };
  const { value } = await expand(["${A}", "${F}", "file:/run/raw"], environment);
  expect(value).toEqual(["${B}", "file:/run/token", "${HOME}"]);
});

test("a literal '${' is written '$${', and anything else that begins so is a fault", async () => {
  const { value, faults } = await expand({ a: "$${X}", b: "${X Y}", c: "${", d: "$X" });
  expect(value).toMatchObject({ a: "${X}", d: "$X" });
  expect(faults.map(({ path }) => path)).toEqual(["b", "c"]);
});

test("it is known which texts came by reference", async () => {
  const { referenced } = await expand({ a: "${X:-1}", b: "1", c: ["file:/run/token"], d: 1 });
  expect([...referenced].toSorted()).toEqual(["a", "c[0]"]);
});

test("why a file could not be read is told without its content or the system's text", () => {
  const failure = (code: string) => Object.assign(new Error("canary"), { code });
  expect(whyUnreadable(failure("EACCES"))).toBe("this process may not read");
  expect(whyUnreadable(failure("EMFILE"))).toBe("cannot be read (EMFILE)");
  expect(whyUnreadable("canary")).toBe("cannot be read (unknown reason)");
});
