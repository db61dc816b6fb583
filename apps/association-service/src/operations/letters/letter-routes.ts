// Owns: the paths of dead letters: what gave up and needs a person; looked at, tried again, dropped.

import { CATALOGUE, type ErrorCode } from "@keyferry/errors";
import type { Answer, Call } from "../../gateway/call.ts";
import { authoriseWrite } from "../../gateway/call.ts";
import { absent, badRequest, Refusal } from "../../gateway/refusal.ts";
import type { AddRead, AddWrite } from "../../gateway/operation-table.ts";
import { operationsOf } from "../call-parts.ts";
import type { StoredLetter } from "../ports.ts";
import type { LetterAnswer } from "./letter-schemas.ts";

const DLQ = "/v1/sys/sync/dlq";
// The stream keeps five letters of one thing for 90 days; a list longer than this is one cause over and over.
const LISTED_MAX = 500;

/** Registers them. */
export function addLetterRoutes({ read, write }: { readonly read: AddRead; readonly write: AddWrite }): void {
  read(DLQ, "list", list);
  read(`${DLQ}/:sequence`, "read", async (call) => ({ data: answerOf(call, await letterOf(call)) }));
  write(["PUT", "POST"], `${DLQ}/:sequence/retry`, retry);
  write(["DELETE"], `${DLQ}/:sequence`, drop);
}

async function list(call: Call): Promise<Answer> {
  const letters: LetterAnswer[] = [];
  await operationsOf(call).pairs.caughtUp(call.signal);
  for await (const letter of operationsOf(call).bus.deadLetters.list(call.signal)) {
    if (isAtHome(call, letter)) letters.push(answerOf(call, letter));
    if (letters.length >= LISTED_MAX) break;
  }
  if (letters.length === 0) throw absent();
  return { data: { keys: letters.map(({ sequence }) => String(sequence)), letters } };
}

async function retry(call: Call): Promise<Answer> {
  await authoriseWrite(call, "create", "update");
  const letter = await letterOf(call);
  const { bus, lookAgain } = operationsOf(call);
  if (!isPair(letter)) {
    throw badRequest("it belongs to no secret and destination: mend what it says, then drop it");
  }
  const kind = await lookAgain({ destination: letter.destination, secretKey: letter.key }, call.signal);
  // What fails again comes as a letter of its own.
  await bus.deadLetters.drop(letter);
  return { data: { sequence: letter.sequence, ordered: kind === "published" } };
}

async function drop(call: Call): Promise<Answer> {
  await authoriseWrite(call, "delete");
  await operationsOf(call).bus.deadLetters.drop(await letterOf(call));
  return undefined;
}

async function letterOf(call: Call): Promise<StoredLetter> {
  const { sequence } = call.request.params as { readonly sequence: string };
  if (!/^[1-9]\d{0,15}$/.test(sequence)) throw badRequest(`'${sequence}' is not a letter's number`);
  await operationsOf(call).pairs.caughtUp(call.signal);
  const letter = await operationsOf(call).bus.deadLetters.get(Number(sequence));
  if (letter === undefined || !isAtHome(call, letter)) {
    throw new Refusal(404, [`there is no dead letter ${sequence}: LIST sys/sync/dlq shows the numbers`]);
  }
  return letter;
}

// Letters of no destination are the instance's: shown in the root namespace alone.
function isAtHome({ caller, parts }: Call, { destination }: StoredLetter): boolean {
  const record = parts.destinations.byUid(destination)?.entry.value;
  return (record?.namespace ?? "") === caller.namespace;
}

function isPair({ destination, key }: StoredLetter): boolean {
  return destination !== "-" && key !== "-";
}

function answerOf({ parts }: Call, stored: StoredLetter): LetterAnswer {
  const { sequence, time, letter, destination, key, subject } = stored;
  const { message, advice } = wordsOf(letter.error);
  return {
    sequence,
    at: new Date(time).toISOString(),
    service: letter.service,
    reason: letter.reason,
    message,
    advice,
    destination: parts.destinations.byUid(destination)?.entry.value.name ?? null,
    secret: parts.operations.pairs.secretOf(`${destination}.${key}`) ?? null,
    subject,
    retryable: isPair(stored),
  };
}

function wordsOf(error: unknown): { readonly message: string; readonly advice: string } {
  const report = (typeof error === "object" && error !== null ? error : {}) as Readonly<
    Record<string, unknown>
  >;
  const textOf = (name: string): string => {
    const value = report[name];
    return typeof value === "string" ? value : "";
  };
  const code = textOf("code");
  const advice = code in CATALOGUE ? CATALOGUE[code as ErrorCode].advice : "";
  return { message: textOf("message"), advice: textOf("advice") || advice };
}
