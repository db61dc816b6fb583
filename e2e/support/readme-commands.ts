import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

/** The commands of the first shell block below a heading of README.md, one string each, comments left out. */
export async function commandsBelow(heading: string): Promise<readonly string[]> {
  const text = await readFile(resolve(import.meta.dirname, "../../README.md"), "utf8");
  const [, section] = text.split(`\n## ${heading}\n`);
  const block = section === undefined ? undefined : /```sh\n(.*?)```/s.exec(section)?.[1];
  if (block === undefined) throw new Error(`README.md has no shell block below "${heading}"`);
  return block
    .replaceAll("\\\n", " ")
    .split("\n")
    .map((line) => line.replace(/#.*$/, "").replaceAll(/\s+/g, " ").trim())
    .filter((line) => line !== "");
}
