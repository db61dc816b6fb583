// Owns: secret name templates: what is accepted, what name they give. Pure: the same secret has the same name for ever,
// which is why functions of time and chance are refused.
import type { Granularity } from "@keyferry/contracts";
import { assertNever } from "@keyferry/errors";
import { FUNCTIONS, TEXT_CHARACTERS_MAX, TOO_LONG, UNSTABLE_FUNCTIONS } from "./functions.ts";
import { type Expression, parseTemplate, type Step, TemplateFault } from "./parse.ts";
import { type NameVariables, VARIABLE_NAMES, type VariableName } from "./variables.ts";

/** A template that was checked; only `renderName` looks inside. */
export interface NameTemplate {
  readonly text: string;
  readonly steps: readonly Step[];
}

export type CompiledTemplate = { kind: "ok"; template: NameTemplate } | { kind: "refused"; why: string };
export type RenderedName = { kind: "ok"; name: string } | { kind: "refused"; why: string };

const TEMPLATE_CHARACTERS_MAX = 100_000; // reference: Vault's own limit since 1.17
const EVERY_VARIABLE: ReadonlySet<string> = new Set(VARIABLE_NAMES);

const DEFAULTS: Readonly<Record<Granularity, string>> = {
  // reference: the effective template of a real server's answer.
  "secret-path": 'vault-{{ .MountAccessor | replace "_" "-" }}-{{ .SecretPath }}',
  // Not documented for Azure; the documented ones of other types add the key at the end.
  "secret-key": 'vault-{{ .MountAccessor | replace "_" "-" }}-{{ .SecretPath }}-{{ .SecretKey }}',
};

/** The template of a destination that names none. */
export function defaultTemplate(granularity: Granularity): string {
  return DEFAULTS[granularity];
}

/** Checks a template and prepares it. The reason of a refusal says what is wrong and where. */
export function compileTemplate(text: string, options: { granularity: Granularity }): CompiledTemplate {
  if (text === "") return invalid("it is empty");
  if (text.length > TEMPLATE_CHARACTERS_MAX) {
    return invalid(`it is longer than ${TEMPLATE_CHARACTERS_MAX} characters`);
  }
  try {
    const steps = parseTemplate(text);
    const check = new Check(options.granularity);
    for (const step of steps) check.step(step);
    // The words of a real server (reference: hashicorp/vault #23808); clients look for them.
    if (options.granularity === "secret-key" && !check.namesSecretKey) {
      return invalid("external name template should contain reference to the secret key");
    }
    return { kind: "ok", template: { text, steps } };
  } catch (fault) {
    if (fault instanceof TemplateFault) return invalid(fault.message);
    throw fault;
  }
}

/** The name of one external secret, not yet normalised. Refused only for what the variables lack or make too long. */
export function renderName(template: NameTemplate, variables: NameVariables): RenderedName {
  const locals = new Map<string, string>();
  let name = "";
  try {
    for (const step of template.steps) {
      if (step.kind === "text") name += step.text;
      else {
        const text = evaluate(step.value, variables, locals);
        if (step.kind === "assign") locals.set(step.local, text);
        else name += text;
      }
      if (name.length > TEXT_CHARACTERS_MAX) return { kind: "refused", why: TOO_LONG };
    }
    return { kind: "ok", name };
  } catch (fault) {
    if (fault instanceof TemplateFault) return { kind: "refused", why: fault.message };
    throw fault;
  }
}

function invalid(why: string): { kind: "refused"; why: string } {
  return { kind: "refused", why: `secret name template is invalid: ${why}` };
}

/** Everything that can be known without a secret: names, numbers and kinds of arguments, order of locals. */
class Check {
  namesSecretKey = false;
  readonly #granularity: Granularity;
  readonly #locals = new Set<string>();

  constructor(granularity: Granularity) {
    this.#granularity = granularity;
  }

  step(step: Step): void {
    if (step.kind === "text") return;
    this.#text(step.value);
    if (step.kind === "print") return;
    if (step.declares) this.#locals.add(step.local);
    else if (!this.#locals.has(step.local)) throw undeclared(step.local, step.at);
  }

  #text(expression: Expression): void {
    switch (expression.kind) {
      case "text":
        return;
      case "count":
        throw new TemplateFault("a number is not a name", expression.at);
      case "local":
        if (!this.#locals.has(expression.name)) throw undeclared(expression.name, expression.at);
        return;
      case "variable":
        this.#variable(expression.name, expression.at);
        return;
      case "call":
        this.#call(expression.name, expression.args, expression.at);
    }
  }

  #variable(name: string, at: number): void {
    if (!EVERY_VARIABLE.has(name)) throw new TemplateFault(`there is no variable '.${name}'`, at);
    if (name !== "SecretKey") return;
    if (this.#granularity === "secret-path") {
      throw new TemplateFault("'.SecretKey' exists only with granularity secret-key", at);
    }
    this.namesSecretKey = true;
  }

  #call(name: string, args: readonly Expression[], at: number): void {
    if (UNSTABLE_FUNCTIONS.has(name)) {
      throw new TemplateFault(`'${name}' would give another name each time and is not supported`, at);
    }
    const known = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (known === undefined) throw new TemplateFault(`there is no function '${name}'`, at);
    const wanted = known.parameters;
    if (args.length !== wanted.length) {
      throw new TemplateFault(`'${name}' takes ${wanted.length} arguments and got ${args.length}`, at);
    }
    for (const [index, argument] of args.entries()) {
      if (wanted[index] === "text") this.#text(argument);
      else if (argument.kind !== "count") {
        throw new TemplateFault(`argument ${index + 1} of '${name}' is not a number`, argument.at);
      }
    }
  }
}

function undeclared(local: string, at: number): TemplateFault {
  return new TemplateFault(`'$${local}' is not declared`, at);
}

function evaluate(
  expression: Expression,
  variables: NameVariables,
  locals: ReadonlyMap<string, string>,
): string {
  switch (expression.kind) {
    case "text":
      return expression.text;
    case "count":
      return String(expression.count);
    case "local":
      return locals.get(expression.name) ?? "";
    case "variable": {
      const value = variables[expression.name as VariableName];
      if (value !== undefined) return value;
      throw new TemplateFault(`'.${expression.name}' is not known for this secret`, expression.at);
    }
    case "call":
      return apply(expression, variables, locals);
    default:
      return assertNever(expression);
  }
}

function apply(
  call: Extract<Expression, { kind: "call" }>,
  variables: NameVariables,
  locals: ReadonlyMap<string, string>,
): string {
  const [first] = call.args;
  const count = first?.kind === "count" ? first.count : 0;
  const texts = call.args
    .filter((argument) => argument.kind !== "count")
    .map((argument) => evaluate(argument, variables, locals));
  const result = FUNCTIONS[call.name]?.apply(count, texts) ?? { kind: "refused", why: "unknown function" };
  if (result.kind === "refused") throw new TemplateFault(result.why, call.at);
  if (result.text.length > TEXT_CHARACTERS_MAX) throw new TemplateFault(TOO_LONG, call.at);
  return result.text;
}
