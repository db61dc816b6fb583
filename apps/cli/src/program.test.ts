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

test.each(leaves.map(({ command, help }) => ({ command, help })))(
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
