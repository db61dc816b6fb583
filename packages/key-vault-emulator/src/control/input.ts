// Owns: reading what the control API is sent. Every fault of the input is an InputError with a sentence for its sender.
import { assertNever } from "../assert-never.ts";
import { DATA_ACTIONS, PERMISSIONS } from "../access/access.ts";
import type { Access } from "../access/access.ts";
import type { Fault, FaultRule } from "../faults/rules.ts";
import { OPERATIONS } from "../wire/route.ts";

/** What the sender did wrong; answered with 400. */
export class InputError extends Error {
  override readonly name = "InputError";
}

export type Input = Readonly<Record<string, unknown>>;

/** An object from text; an empty text is an empty object. */
export function readInput(text: string): Input {
  if (text === "") return {};
  return object(parse(text), "the body");
}

export function object(value: unknown, what: string): Input {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new InputError(`${what} is an object`);
  return value as Input;
}

export function text(input: Input, key: string): string {
  const value = input[key];
  if (typeof value !== "string") throw new InputError(`${key} is a string`);
  return value;
}

export function optionalText(input: Input, key: string): string | undefined {
  return input[key] === undefined ? undefined : text(input, key);
}

export function optionalNumber(input: Input, key: string, min: number, max: number): number | undefined {
  const value = input[key];
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !(value >= min && value <= max)) {
    throw new InputError(`${key} is a number from ${min} to ${max}`);
  }
  return value;
}

export function optionalFlag(input: Input, key: string): boolean {
  const value = input[key];
  if (value !== undefined && typeof value !== "boolean") throw new InputError(`${key} is true or false`);
  return value ?? false;
}

export function oneOf<Choice extends string>(
  value: unknown,
  what: string,
  choices: readonly Choice[],
): Choice {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw new InputError(`${what} is one of ${choices.join(", ")}`);
  return found;
}

/** What a principal may do. */
export function readAccess(value: unknown): Access {
  const input = object(value, "access");
  const model = oneOf(input["model"], "access.model", ["all", "rbac", "policy"]);
  switch (model) {
    case "all":
      return { model };
    case "rbac":
      return { model, actions: listOf(input["actions"], "access.actions", DATA_ACTIONS) };
    case "policy":
      return { model, permissions: listOf(input["permissions"], "access.permissions", PERMISSIONS) };
    default:
      return assertNever(model);
  }
}

const WAIT_MS_MAX = 600_000;
const COUNT_MAX = 1_000_000_000;

/** A fault rule. */
export function readFaultRule(input: Input): FaultRule {
  const operations = input["operations"];
  const namePattern = optionalText(input, "namePattern");
  const rule: { -readonly [Key in keyof FaultRule]: FaultRule[Key] } = { fault: readFault(input["fault"]) };
  if (operations !== undefined)
    rule.operations = listOf(operations, "operations", [...OPERATIONS, "token"] as const);
  const vault = optionalText(input, "vault");
  if (vault !== undefined) rule.vault = vault;
  if (namePattern !== undefined) rule.namePattern = checkedPattern(namePattern);
  const probability = optionalNumber(input, "probability", 0, 1);
  if (probability !== undefined) rule.probability = probability;
  for (const key of ["seed", "skip", "count"] as const) {
    const number = optionalNumber(input, key, 0, COUNT_MAX);
    if (number !== undefined) rule[key] = number;
  }
  return rule;
}

const FAULT_KINDS = [
  "latency",
  "hold",
  "error",
  "reset-before",
  "reset-after",
  "slow-body",
  "truncated-json",
  "stale-list",
  "claims-challenge",
] as const;

function readFault(value: unknown): Fault {
  const input = object(value, "fault");
  const kind = oneOf(input["kind"], "fault.kind", FAULT_KINDS);
  switch (kind) {
    case "latency":
    case "slow-body": {
      const ms = optionalNumber(input, "ms", 0, WAIT_MS_MAX);
      if (ms === undefined) throw new InputError(`a fault of kind ${kind} has ms`);
      return { kind, ms };
    }
    case "error": {
      const status = optionalNumber(input, "status", 400, 599);
      if (status === undefined || !Number.isInteger(status)) throw new InputError("an error has a status");
      const code = optionalText(input, "code");
      const innerCode = optionalText(input, "innerCode");
      const retryAfterSeconds = optionalNumber(input, "retryAfterSeconds", 0, 86_400);
      return {
        kind,
        status,
        ...(code === undefined ? {} : { code }),
        ...(innerCode === undefined ? {} : { innerCode }),
        ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
      };
    }
    case "hold":
    case "reset-before":
    case "reset-after":
    case "truncated-json":
    case "stale-list":
    case "claims-challenge":
      return { kind };
    default:
      return assertNever(kind);
  }
}

function checkedPattern(pattern: string): string {
  try {
    return new RegExp(pattern, "i").source;
  } catch {
    throw new InputError("namePattern is a regular expression");
  }
}

function listOf<Choice extends string>(value: unknown, what: string, choices: readonly Choice[]): Choice[] {
  if (!Array.isArray(value)) throw new InputError(`${what} is a list`);
  return value.map((one) => oneOf(one, `an entry of ${what}`, choices));
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new InputError("the body is not JSON");
  }
}
