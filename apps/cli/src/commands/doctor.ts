// Owns: `keyferry doctor`: what is wrong, and the command that mends it. Looks at its own side first; what the server
// sees follows.

import type { Data } from "../api-client.ts";
import { type Adder, type Context, examples } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { Failure } from "../failure.ts";
import { listOf, textOf } from "../rows.ts";

interface Options {
  readonly all?: true;
  readonly probe?: true;
}

/** Adds the command. */
export function addDoctor({ program, act }: Adder): void {
  program
    .command("doctor")
    .description(
      "Looks at every part: what is wrong, and the command that mends it; ends with 1 if there are faults",
    )
    .option("--all", "also what is well")
    .option(
      "--probe",
      "also prove each right to write: a secret keyferry-probe-… is written and removed in each vault",
    )
    .addHelpText(
      "after",
      examples(
        ["keyferry doctor", "what is wrong"],
        ["keyferry doctor --all --probe", "all that was looked at, writing included"],
        ["keyferry doctor -o json | jq -e '.findings | all(.level == \"ok\")'", "for monitoring"],
      ),
    )
    .action(act<Options>(doctor));
}

async function doctor({ api, show }: Context, { all, probe }: Options): Promise<ExitCode> {
  const data = await diagnosis(() =>
    probe === true
      ? api.call("PUT", "sys/sync/doctor", { body: { probe: true } })
      : api.call("GET", "sys/sync/doctor"),
  );
  show(data, () => text(data, all === true));
  return listOf(data, "findings").some((finding) => finding["level"] === "fault") ? EXIT.findings : EXIT.done;
}

// A half-dead installation is what a doctor is called for: what the API can't say is a finding too.
async function diagnosis(ask: () => Promise<Data>): Promise<Data> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof Failure) || error.exitCode !== EXIT.away) throw error;
    const { message, advice } = error;
    const [part, id, fix] = judge(message);
    const finding = { id, part, level: "fault", what: message, fix: advice === "" ? fix : advice };
    return { findings: [finding] };
  }
}

function judge(message: string): readonly [string, string, string] {
  if (message.includes("NATS")) {
    return ["nats", "nats-away", "Start nats-server (with -js), or correct nats.servers in keyferry.yaml."];
  }
  if (message.includes("sealed")) return ["source", "sealed", "bao operator unseal (vault operator unseal)"];
  if (message.includes("source")) {
    return ["source", "source-away", "Start the source, or correct source.address in keyferry.yaml."];
  }
  if (message.includes("starting"))
    return ["services", "starting", "Wait for what it says; its /readyz says the same."];
  return ["services", "api-away", "Start the association-service, or correct VAULT_ADDR."];
}

const MARKS: Readonly<Record<string, string>> = { fault: "✗", warning: "!", ok: "✓" };

function text(data: Data, all: boolean): string {
  const findings = listOf(data, "findings");
  const shown = findings.filter((finding) => all || finding["level"] !== "ok");
  if (shown.length === 0) return "Nothing is wrong.";
  const lines = shown.map((finding) => {
    const fix = textOf(finding, "fix") ?? "";
    const mark = MARKS[textOf(finding, "level") ?? ""] ?? "?";
    const head = `${mark} ${textOf(finding, "part") ?? ""}: ${textOf(finding, "what") ?? ""}`;
    return fix === "" ? head : `${head}\n    → ${fix}`;
  });
  const faults = findings.filter((finding) => finding["level"] === "fault").length;
  return `${lines.join("\n")}\n\nFaults: ${faults}. Other remarks: ${shown.length - faults}.`;
}
