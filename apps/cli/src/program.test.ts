// The program itself: every command has help with examples, completion knows every command, and what goes wrong ends with
// its documented code and a word on what would be right.
import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { EXIT } from "./exit-codes.ts";
import type { Io } from "./io.ts";
import { manualEntries } from "./manual.ts";
import { runCli } from "./program.ts";

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(args: readonly string[], over: Partial<Io> = {}): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCli(args, {
    env: {},
    stdout: { write: (text) => void out.push(text), isTerminal: false },
    stderr: { write: (text) => void err.push(text), isTerminal: false },
    signal: new AbortController().signal,
    now: () => 0,
    sleep: async () => undefined,
    readFile: async () => undefined,
    writeFile: async () => undefined,
    readStdin: async () => "",
    tokenFile: "/none",
    ...over,
  });
  return { code, stdout: out.join(""), stderr: err.join("") };
}

const commands = manualEntries().filter(({ command }) => command !== "");
const leaves = commands.filter(
  ({ command }) => !commands.some((one) => one.command.startsWith(`${command} `)),
);

test.each(commands.map(({ command, help }) => ({ command, help })))(
  "keyferry $command has examples",
  ({ help }) => {
    expect(help).toContain("Examples:");
  },
);

test("the help of the whole says every exit code", async () => {
  const { code, stdout } = await run(["--help"]);
  expect(code).toBe(EXIT.done);
  for (const value of Object.values(EXIT)) expect(stdout).toMatch(new RegExp(`^ +${value}  `, "m"));
});

describe("completion", () => {
  test.each(["bash", "zsh"])("of %s knows every command", async (shell) => {
    const { stdout } = await run(["completion", shell]);
    for (const { command } of leaves) expect(stdout).toContain(`"${command}")`);
  });

  test("of bash is a script that bash can read", async () => {
    const { stdout } = await run(["completion", "bash"]);
    const { status, stderr } = spawnSync("bash", ["-n"], { input: stdout, encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  test("of zsh is a script that zsh can read, where there is one", async () => {
    const { stdout } = await run(["completion", "zsh"]);
    expect(stdout.startsWith("#compdef keyferry\n")).toBe(true);
    const { error, status, stderr } = spawnSync("zsh", ["-n"], { input: stdout, encoding: "utf8" });
    // Where there is no zsh the test below runs its steps.
    expect(error !== undefined || (status === 0 && stderr === "")).toBe(true);
  });

  test("of zsh offers what follows the words so far, step by step as zsh goes through it", async () => {
    const { stdout } = await run(["completion", "zsh"]);
    // What zsh has of its own and bash has not: words from 1 on, compadd and compdef, and ${=…} for splitting.
    const inBash = stdout
      .replace("compadd -- ${=candidates}", 'echo "$candidates"')
      .replace("compdef _keyferry keyferry", "");
    expect(inBash).not.toMatch(/^\s*comp/m);
    const offered = (...before: readonly string[]): string => {
      const line = before.map((word) => `'${word}'`).join(" ");
      const script = `${inBash}\nwords=("" keyferry ${line} ""); CURRENT=${before.length + 2}; _keyferry`;
      return spawnSync("bash", ["-c", script], { encoding: "utf8" }).stdout;
    };
    expect(offered()).toContain("status");
    expect(offered("dlq").split(" ")).toContain("retry");
    expect(offered("-o", "json", "dlq", "retry", "5").split(" ")).toContain("--all");
    expect(offered("completion").split(" ")).toEqual(expect.arrayContaining(["bash", "zsh"]));
    expect(offered("replay").split(" ")).toContain("--since");
  });

  test("of bash completes commands, below commands, and options", async () => {
    const { stdout } = await run(["completion", "bash"]);
    const complete = (...words: readonly string[]): string => {
      const line = words.map((word) => `'${word}'`).join(" ");
      const script = `${stdout}\nCOMP_WORDS=(keyferry ${line}); COMP_CWORD=${words.length}; _keyferry; echo "\${COMPREPLY[*]}"`;
      return spawnSync("bash", ["-c", script], { encoding: "utf8" }).stdout.trim();
    };
    expect(complete("st")).toBe("status");
    expect(complete("dlq", "")).toContain("retry");
    expect(complete("replay", "--si")).toBe("--since");
    expect(complete("completion", "z")).toBe("zsh");
  });
});

describe("what goes wrong before anything is asked", () => {
  test.each([
    [["statsu"], EXIT.usage, "Did you mean status?"],
    [["replay"], EXIT.usage, "--since"],
    [["status", "-o", "xml"], EXIT.usage, "table, json, yaml"],
    [["status"], EXIT.denied, "VAULT_TOKEN"],
  ])("%j ends with %i and says: %s", async (args, code, words) => {
    const ran = await run(args);
    expect(ran).toMatchObject({ code, stdout: "" });
    expect(ran.stderr).toContain(words);
  });

  test.each([
    [{ VAULT_TOKEN: "t", VAULT_ADDR: "vault:8200" }, EXIT.usage, "is not an"],
    [
      { VAULT_TOKEN: "t", VAULT_ADDR: "https://x", VAULT_CACERT: "/none.pem" },
      EXIT.usage,
      "There is no file /none.pem",
    ],
    [{ VAULT_TOKEN: "a\nb", VAULT_ADDR: "http://127.0.0.1:1" }, EXIT.denied, "has a blank"],
    [
      { VAULT_TOKEN: "t", VAULT_ADDR: "http://127.0.0.1:1" },
      EXIT.away,
      "Nobody answers at http://127.0.0.1:1",
    ],
    [{ BAO_TOKEN: "t", BAO_ADDR: "http://127.0.0.1:1" }, EXIT.away, "Nobody answers at http://127.0.0.1:1"],
  ])("with %j a status ends with %i and says: %s", async (env, code, words) => {
    const ran = await run(["status"], { env });
    expect(ran).toMatchObject({ code, stdout: "" });
    expect(ran.stderr).toContain(words);
  });

  test("a token of ~/.vault-token is used, and never printed", async () => {
    const env = { VAULT_ADDR: "http://127.0.0.1:1" };
    const ran = await run(["status"], { env, readFile: async () => "hvs.canary\n" });
    expect(ran.code).toBe(EXIT.away);
    expect(ran.stderr).not.toContain("canary");
  });
});
