// Owns: `keyferry dlq`: what gave up and needs a person.

import type { Data } from "../api-client.ts";
import { type Adder, type Context, examples } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { usageFailure } from "../failure.ts";
import { agoText, factsOf, tableOf } from "../output.ts";
import { listOf, textOf } from "../rows.ts";

const PATH = "sys/sync/dlq";

/** Adds the commands. */
export function addDlq({ program, act }: Adder): void {
  const dlq = program
    .command("dlq")
    .description("Dead letters: what gave up and needs a person")
    .addHelpText(
      "after",
      examples(["keyferry dlq list", "what there is"], ["keyferry dlq retry --all", "once it is mended"]),
    );
  dlq
    .command("list")
    .description("Lists them, oldest first")
    .addHelpText("after", examples(["keyferry dlq list -o json | jq '.letters[].reason'", "for programs"]))
    .action(act(list));
  dlq
    .command("show")
    .description("Shows one, with its advice")
    .argument("<number>", "as `keyferry dlq list` shows it")
    .addHelpText("after", examples(["keyferry dlq show 12", "all that is known of it"]))
    .action(act(showOne));
  dlq
    .command("retry")
    .description("Orders once more what they are about, and drops them; what fails again comes as a new one")
    .argument("[numbers...]", "as `keyferry dlq list` shows them")
    .option("--all", "every one that can be retried")
    .addHelpText("after", examples(["keyferry dlq retry 12 13", "two"], ["keyferry dlq retry --all", "all"]))
    .action(act<{ readonly all?: true }>(retry));
  dlq
    .command("drop")
    .description("Drops them, and older ones of the same thing")
    .argument("<numbers...>", "as `keyferry dlq list` shows them")
    .addHelpText("after", examples(["keyferry dlq drop 12", "it is settled"]))
    .action(act(drop));
}

async function letters({ api }: Context): Promise<Data> {
  return (await api.find("LIST", PATH)) ?? { keys: [], letters: [] };
}

async function list(context: Context): Promise<void> {
  const data = await letters(context);
  const rows = listOf(data, "letters").map((letter) => [
    letter["sequence"],
    agoText(letter["at"], context.io.now()),
    textOf(letter, "reason"),
    textOf(letter, "destination"),
    textOf(letter, "secret"),
    textOf(letter, "message"),
  ]);
  context.show(data, () =>
    rows.length === 0
      ? "There are no dead letters."
      : tableOf(["number", "at", "reason", "destination", "secret", "message"], rows),
  );
}

async function showOne(
  { api, show }: Context,
  _options: object,
  [number = ""]: readonly string[],
): Promise<void> {
  const data = await api.call("GET", `${PATH}/${checkNumber(number)}`);
  show(data, () =>
    factsOf([
      ["number", data["sequence"]],
      ["at", textOf(data, "at")],
      ["from", textOf(data, "service")],
      ["reason", textOf(data, "reason")],
      ["message", textOf(data, "message")],
      ["advice", textOf(data, "advice")],
      ["destination", textOf(data, "destination")],
      ["secret", textOf(data, "secret")],
      ["subject", textOf(data, "subject")],
      ["can be retried", data["retryable"]],
    ]),
  );
}

async function retry(
  context: Context,
  { all }: { readonly all?: true },
  given: readonly string[],
): Promise<ExitCode> {
  if (all === true && given.length > 0) {
    throw usageFailure("Numbers and --all were given", "Give one of the two.");
  }
  if (all !== true && given.length === 0) {
    throw usageFailure("No letter was named", "Give numbers as `keyferry dlq list` shows them, or --all.");
  }
  const numbers =
    all === true
      ? listOf(await letters(context), "letters")
          .filter((letter) => letter["retryable"] === true)
          .map((letter) => String(Number(letter["sequence"])))
      : given.map(checkNumber);
  const results: Data[] = [];
  for (const number of numbers) {
    // Letters of one thing go together: a later one may be gone already.
    const data = await context.api[all === true ? "find" : "call"]("PUT", `${PATH}/${number}/retry`);
    if (data !== undefined) results.push(data);
  }
  context.show({ retried: results }, () => {
    const ordered = results.filter((one) => one["ordered"] === true).length;
    return `${results.length} retried: ${ordered} ordered once more, ${results.length - ordered} on their way already or not wished any more.`;
  });
  return EXIT.done;
}

async function drop({ api, show }: Context, _options: object, numbers: readonly string[]): Promise<void> {
  const checked = numbers.map(checkNumber);
  for (const number of checked) await api.call("DELETE", `${PATH}/${number}`);
  show({ dropped: checked.map(Number) }, () => `${checked.length} dropped.`);
}

function checkNumber(text: string): string {
  if (!/^[1-9]\d{0,15}$/.test(text)) {
    throw usageFailure(`'${text}' is not a letter's number`, "`keyferry dlq list` shows the numbers.");
  }
  return text;
}
