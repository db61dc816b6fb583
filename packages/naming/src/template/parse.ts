// Owns: the grammar of secret name templates, a subset of Go's: text, `{{ pipeline }}`, `{{ $x := pipeline }}`,
// comments, trim markers, parentheses, string literals. No control flow, so a template is a straight line.
// Does not own: whether names of variables and functions exist (compile.ts).
// Positions count characters from 1, as a person would.

export type Expression =
  | { readonly kind: "text"; readonly text: string; readonly at: number }
  | { readonly kind: "count"; readonly count: number; readonly at: number }
  | { readonly kind: "variable"; readonly name: string; readonly at: number }
  | { readonly kind: "local"; readonly name: string; readonly at: number }
  | {
      readonly kind: "call";
      readonly name: string;
      readonly args: readonly Expression[];
      readonly at: number;
    };

export type Step =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly value: Expression }
  /** `declares`: `:=`; otherwise `=`. */
  | {
      readonly kind: "assign";
      readonly local: string;
      readonly declares: boolean;
      readonly value: Expression;
      readonly at: number;
    };

/** Why a template is refused, and where. Thrown inside this folder only. */
export class TemplateFault extends Error {
  override readonly name = "TemplateFault";

  constructor(why: string, at: number) {
    super(`${why}, at character ${at}`);
  }
}

const KEYWORDS: ReadonlySet<string> = new Set(
  "if else end range with define template block break continue nil true false".split(" "),
);
const CALLS_MAX = 200; // in one template; each may lie within the next, and evaluating them recurses
const PARENTHESES_MAX = 50; // nested; more than a person writes, far from the end of the stack

/** Parses a template. Throws TemplateFault. */
export function parseTemplate(source: string): Step[] {
  return new Parser(source).template();
}

class Parser {
  readonly #source: string;
  #at = 0;
  #depth = 0;
  #calls = 0;

  constructor(source: string) {
    this.#source = source;
  }

  template(): Step[] {
    const steps: Step[] = [];
    let trimNext = false;
    while (this.#at < this.#source.length) {
      const open = this.#source.indexOf("{{", this.#at);
      const end = open === -1 ? this.#source.length : open;
      let text = this.#source.slice(this.#at, end);
      if (trimNext) text = text.replace(/^[ \t\r\n]+/, "");
      this.#at = end;
      if (open !== -1 && this.#openAction()) text = text.replace(/[ \t\r\n]+$/, "");
      if (text !== "") steps.push({ kind: "text", text });
      if (open === -1) break;
      const step = this.#action();
      if (step !== undefined) steps.push(step);
      trimNext = this.#closeAction();
    }
    return steps;
  }

  /** Steps over `{{` or `{{- `; true if the text before it is to be trimmed. */
  #openAction(): boolean {
    this.#at += 2;
    const trims = /^-[ \t\r\n]/.test(this.#source.slice(this.#at, this.#at + 2));
    if (trims) this.#at += 2;
    return trims;
  }

  /** Steps over `}}` or ` -}}`; true if the text behind it is to be trimmed. */
  #closeAction(): boolean {
    this.#skipSpace();
    if (/[ \t\r\n]/.test(this.#source.charAt(this.#at - 1)) && this.#take("-}}")) return true;
    if (this.#take("}}")) return false;
    if (this.#at >= this.#source.length) throw this.#fault("a '{{' is not closed");
    throw this.#fault(`unexpected ${this.#shown()}`);
  }

  #action(): Step | undefined {
    this.#skipSpace();
    if (this.#take("/*")) {
      const end = this.#source.indexOf("*/", this.#at);
      if (end === -1) throw this.#fault("a comment is not closed");
      this.#at = end + 2;
      return undefined;
    }
    const at = this.#at + 1;
    const assignment = /^\$(\w+)[ \t\r\n]*(:?=)/.exec(this.#source.slice(this.#at, this.#at + 200));
    if (assignment === null) return { kind: "print", value: this.#pipeline() };
    this.#at += assignment[0].length;
    const value = this.#pipeline();
    return { kind: "assign", local: assignment[1] ?? "", declares: assignment[2] === ":=", value, at };
  }

  #pipeline(): Expression {
    let value = this.#command(undefined);
    for (;;) {
      this.#skipSpace();
      if (!this.#take("|")) return value;
      value = this.#command(value);
    }
  }

  /** A function with its arguments, or a lone operand. `piped` becomes the last argument. */
  #command(piped: Expression | undefined): Expression {
    this.#skipSpace();
    const at = this.#at + 1;
    const name = this.#match(/[A-Za-z_]\w*/y);
    if (name === undefined) {
      const operand = this.#operand();
      if (operand === undefined)
        throw this.#fault(`a value or a function is missing before ${this.#shown()}`);
      if (piped !== undefined) throw new TemplateFault("what follows a '|' is not a function", at);
      return operand;
    }
    if (KEYWORDS.has(name)) throw new TemplateFault(`'${name}' is not supported`, at);
    this.#calls += 1;
    if (this.#calls > CALLS_MAX) throw new TemplateFault("too many functions", at);
    const args: Expression[] = [];
    for (;;) {
      this.#skipSpace();
      const operand = this.#operand();
      if (operand === undefined) break;
      args.push(operand);
    }
    if (piped !== undefined) args.push(piped);
    return { kind: "call", name, args, at };
  }

  #operand(): Expression | undefined {
    const at = this.#at + 1;
    const variable = this.#match(/\$?\.[A-Za-z_]\w*/y);
    if (variable !== undefined) return { kind: "variable", name: variable.replace(/^\$?\./, ""), at };
    const local = this.#match(/\$\w+/y);
    if (local !== undefined) return { kind: "local", name: local.slice(1), at };
    const count = this.#match(/\d{1,9}(?![\w.])/y);
    if (count !== undefined) return { kind: "count", count: Number(count), at };
    const raw = this.#match(/`[^`]*`/y);
    if (raw !== undefined) return { kind: "text", text: raw.slice(1, -1).replaceAll("\r", ""), at };
    const quoted = this.#match(/"(?:[^"\\\n]|\\.)*"/y);
    if (quoted !== undefined) return { kind: "text", text: unescape(quoted.slice(1, -1), at), at };
    return this.#take("(") ? this.#parenthesised(at) : undefined;
  }

  #parenthesised(at: number): Expression {
    this.#depth += 1;
    if (this.#depth > PARENTHESES_MAX) throw new TemplateFault("too many nested parentheses", at);
    const inner = this.#pipeline();
    this.#skipSpace();
    if (!this.#take(")")) throw this.#fault("a ')' is missing");
    this.#depth -= 1;
    return inner;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #skipSpace(): void {
    this.#match(/[ \t\r\n]+/y);
  }

  #shown(): string {
    const next = this.#source.slice(this.#at, this.#at + 12);
    return next === "" ? "the end" : `'${next}'`;
  }

  #fault(why: string): TemplateFault {
    return new TemplateFault(why, this.#at + 1);
  }
}

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\", '"': '"', n: "\n", t: "\t", r: "\r" };

function unescape(text: string, at: number): string {
  return text.replaceAll(/\\(.)/g, (_match, character: string) => {
    const plain = ESCAPES[character];
    if (plain === undefined) throw new TemplateFault(`the escape '\\${character}' is not supported`, at);
    return plain;
  });
}
