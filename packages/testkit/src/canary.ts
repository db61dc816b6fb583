// Owns: proving that a secret value is nowhere it must not be (P5): values that can't occur by chance, and a search
// for them in the forms in which values usually leak.

import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { randomBytes } from "node:crypto";

/** Where a value was found, and in which form; the value itself is not repeated. */
export interface CanaryFinding {
  readonly label: string;
  readonly form: string;
  /** A file's path, or what the caller called the text. */
  readonly where: string;
}

interface Needle {
  readonly label: string;
  readonly form: string;
  readonly bytes: Buffer;
}

/** Shorter pieces of an encoding could occur by chance. */
const NEEDLE_BYTES_MIN = 12;

export class Canary {
  readonly #needles: Needle[] = [];

  /** A new value to plant; `label` is what findings call it. */
  value(label: string): string {
    const value = `canary-${label}-${randomBytes(15).toString("base64url")}`;
    this.add(label, value);
    return value;
  }

  /** Looks for a value that was made elsewhere too. It must be distinctive: 12 bytes at least. */
  add(label: string, value: string): void {
    if (Buffer.byteLength(value) < NEEDLE_BYTES_MIN)
      throw new Error(`the value of ${label} is too short to search for`);
    for (const [form, text] of encodings(value)) {
      this.#needles.push({ label, form, bytes: Buffer.from(text, "utf8") });
    }
  }

  /** Every planted value that occurs in the text. */
  searchText(text: string | Uint8Array, where = "text"): CanaryFinding[] {
    const bytes = typeof text === "string" ? Buffer.from(text, "utf8") : Buffer.from(text);
    return this.#needles
      .filter((needle) => bytes.includes(needle.bytes))
      .map(({ label, form }) => ({ label, form, where }));
  }

  /**
   * Every planted value that occurs in a file below `root`. What a server compresses or encrypts can't be seen.
   * A file that goes away meanwhile is passed over, because live servers rotate theirs.
   */
  async searchFiles(root: string): Promise<CanaryFinding[]> {
    const findings: CanaryFinding[] = [];
    for (const file of await filesBelow(root)) findings.push(...(await this.#searchFile(file)));
    return findings;
  }

  async #searchFile(file: string): Promise<CanaryFinding[]> {
    const overlap = Math.max(...this.#needles.map((needle) => needle.bytes.length), 1) - 1;
    const seen = new Map<string, CanaryFinding>();
    let rest = Buffer.alloc(0);
    try {
      for await (const chunk of createReadStream(file)) {
        const window = Buffer.concat([rest, chunk as Buffer]);
        for (const finding of this.searchText(window, file))
          seen.set(`${finding.label} ${finding.form}`, finding);
        rest = window.subarray(Math.max(0, window.length - overlap));
      }
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    return [...seen.values()];
  }
}

function encodings(value: string): [form: string, text: string][] {
  const bytes = Buffer.from(value, "utf8");
  const json = JSON.stringify(value).slice(1, -1);
  const all: [string, string][] = [
    ["plain", value],
    ["json", json],
    ["json in json", JSON.stringify(json).slice(1, -1)],
    ["url-encoded", encodeURIComponent(value)],
    ["hex", bytes.toString("hex")],
    ["HEX", bytes.toString("hex").toUpperCase()],
    ...base64Forms(bytes),
  ];
  const distinct = new Map<string, string>();
  for (const [form, text] of all) if (!distinct.has(text)) distinct.set(text, form);
  return [...distinct].map(([text, form]) => [form, text]);
}

/** Base64 of a value inside a longer text depends on where the value begins, in three ways; the edges are cut off. */
function base64Forms(bytes: Buffer): [string, string][] {
  return [0, 1, 2].flatMap((shift): [string, string][] => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString("base64")
      .replace(/=+$/u, "");
    const inner = encoded.slice(shift === 0 ? 0 : shift + 1, -1);
    return [
      [`base64 at ${shift}`, inner],
      [`base64url at ${shift}`, inner.replaceAll("+", "-").replaceAll("/", "_")],
    ];
  });
}

async function filesBelow(root: string): Promise<string[]> {
  const files: string[] = [];
  const entries = await readdir(root, { withFileTypes: true }).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  for (const entry of entries) {
    const path = join(root, entry.name);
    if (entry.isDirectory()) files.push(...(await filesBelow(path)));
    else if (entry.isFile()) files.push(path);
  }
  return files;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
