// Owns: `keyferry status`: the installation, one destination, or one secret hop by hop.

import { Option } from "commander";
import type { Data } from "../api-client.ts";
import { type Adder, type Context, examples, reading } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { usageFailure } from "../failure.ts";
import { agoText, tableOf } from "../output.ts";
import { parseDestination, parseSecret } from "../parse/names.ts";
import { parseDuration } from "../parse/time.ts";
import { listOf, numberOf, partOf, textOf } from "../rows.ts";
import { secretText } from "./status-secret.ts";

interface Options {
  readonly secret?: string;
  readonly mount?: string;
  readonly watch?: true;
  readonly interval: number;
}

const CONNECTED = "connected";
const CLEAR_SCREEN = "\u001b[2J\u001b[H";
const INTERVAL = "2s";

/** Adds the command. */
export function addStatus({ program, act }: Adder): void {
  program
    .command("status")
    .description("Shows services, destinations, what waits and why; with --secret one secret hop by hop")
    .argument("[destination]", "this destination alone")
    .option("--secret <mount/path>", "everything known of one secret, and the next step if it is not right")
    .option("--mount <path>", "where a mount's path has slashes: the mount of --secret")
    .option("-w, --watch", "again and again, until Ctrl-C")
    .addOption(
      new Option("--interval <duration>", "how often with --watch")
        .argParser(reading(parseDuration))
        .default(parseDuration(INTERVAL), INTERVAL),
    )
    .addHelpText(
      "after",
      examples(
        ["keyferry status", "the whole installation"],
        ["keyferry status kv-prod --watch", "one destination, live"],
        ["keyferry status --secret my-kv/app/db", "where a secret is, and what to do if it is not right"],
        ["keyferry status -o json | jq '.destinations[].counts'", "for programs"],
      ),
    )
    .action(act<Options>(status));
}

async function status(context: Context, options: Options, [given]: readonly string[]): Promise<ExitCode> {
  if (given !== undefined && options.secret !== undefined) {
    throw usageFailure(
      "A destination and --secret were given",
      "Give one of them; --secret shows all its destinations.",
    );
  }
  const ask = askerOf(context, options, given);
  if (options.watch !== true) {
    const { data, text } = await ask();
    context.show(data, () => text);
    return natsOf(data) === CONNECTED ? EXIT.done : EXIT.away;
  }
  const { io } = context;
  while (!io.signal.aborted) {
    const { data, text } = await ask();
    if (context.format === "table" && io.stdout.isTerminal) io.stdout.write(CLEAR_SCREEN);
    context.show(data, () => text);
    await io.sleep(options.interval);
  }
  return EXIT.interrupted;
}

function askerOf(
  { api, io }: Context,
  { secret, mount }: Options,
  given: string | undefined,
): () => Promise<{ readonly data: Data; readonly text: string }> {
  if (secret !== undefined) {
    const named = parseSecret(secret, mount);
    return async () => {
      const query = { mount: named.mount, secret_name: named.path };
      const data = await api.call("GET", "sys/sync/status/secret", { query });
      return { data, text: secretText(data, io.now()) };
    };
  }
  const path =
    given === undefined
      ? "sys/sync/status"
      : `sys/sync/status/destinations/azure-kv/${parseDestination(given)}`;
  return async () => {
    const data = await api.call("GET", path);
    return { data, text: overviewText(data, given !== undefined) };
  };
}

function overviewText(data: Data, isOne: boolean): string {
  const now = Date.parse(textOf(data, "at") ?? "");
  const destinations = listOf(data, "destinations");
  const nats = natsOf(data);
  const notes = [
    ...(nats === CONNECTED
      ? []
      : [
          `NATS is not reachable: ${nats}. Services are not known; destinations are as they were known before`,
        ]),
    ...(textOf(data, "paused") === undefined ? [] : [`Everything is paused ${textOf(data, "paused")}`]),
    ...listOfTexts(data, "missing").map(
      (kind) => `No ${kind} answers: is one running, and does it reach NATS?`,
    ),
    ...listOf(data, "services").flatMap(notesOfService),
    ...destinations.flatMap(notesOfDestination),
  ];
  const parts = [
    ...(isOne ? [] : [servicesTable(data, now)]),
    destinations.length === 0 ? "There are no destinations yet." : destinationsTable(destinations, now),
    ...(notes.length === 0 ? [] : [notes.map((note) => `! ${note}`).join("\n")]),
  ];
  return parts.join("\n\n");
}

/** An older server answers nothing at all without NATS. */
function natsOf(data: Data): string {
  return textOf(partOf(data, "nats"), "state") ?? CONNECTED;
}

function servicesTable(data: Data, now: number): string {
  const rows = listOf(data, "services").map((service) => {
    const sweep = partOf(service, "last_sweep");
    const channels = listOf(service, "hint_channels").map(
      (channel) =>
        `${textOf(channel, "name") ?? ""} ${textOf(channel, "state") ?? ""}${hintAge(channel, now)}`,
    );
    const facts = [
      ...channels,
      ...(textOf(sweep, "ended_at") === undefined ? [] : [`swept ${agoText(sweep["ended_at"], now)}`]),
      ...(service["secrets_known"] === undefined ? [] : [`${numberOf(service, "secrets_known")} secrets`]),
    ];
    return [textOf(service, "service"), textOf(service, "id"), textOf(service, "state"), facts.join(", ")];
  });
  const source = partOf(data, "source");
  rows.push([`source ${textOf(source, "name") ?? ""}`, "", textOf(source, "state"), sourceFacts(data, now)]);
  return tableOf(["service", "id", "state", "facts"], rows);
}

function hintAge(channel: Data, now: number): string {
  const at = textOf(channel, "last_hint_at");
  return at === undefined ? "" : ` (last hint ${agoText(at, now)})`;
}

function sourceFacts(data: Data, now: number): string {
  if (natsOf(data) !== CONNECTED) return "";
  const last = textOf(partOf(data, "events"), "last_at");
  return last === undefined ? "no change seen yet" : `last change seen ${agoText(last, now)}`;
}

function destinationsTable(destinations: readonly Data[], now: number): string {
  const rows = destinations.map((destination) => {
    const counts = partOf(destination, "counts");
    const oldest = partOf(destination, "oldest_pending");
    const failed = Object.entries(counts)
      .filter(([status]) => status.endsWith("_ERROR"))
      .reduce((sum, [, count]) => sum + Number(count), 0);
    return [
      textOf(destination, "name"),
      stateOf(destination),
      numberOf(destination, "associations"),
      numberOf(counts, "SYNCED"),
      numberOf(counts, "PENDING"),
      numberOf(counts, "UNSYNCED"),
      failed,
      numberOf(destination, "held"),
      textOf(oldest, "since") === undefined ? "-" : agoText(oldest["since"], now),
      agoText(destination["last_outcome_at"], now),
    ];
  });
  const head = ["destination", "state", "secrets", "synced", "pending", "unsynced", "failed", "held"];
  return tableOf([...head, "oldest wait", "last outcome"], rows);
}

function stateOf(destination: Data): string {
  if (textOf(destination, "paused") !== undefined) return "paused";
  return listOf(destination, "breakers").length > 0 ? "not asked" : (textOf(destination, "state") ?? "-");
}

function notesOfDestination(destination: Data): string[] {
  const name = textOf(destination, "name") ?? "";
  const oldest = partOf(destination, "oldest_pending");
  const drift = partOf(destination, "last_drift_check");
  return [
    ...listOf(destination, "breakers").map(
      (breaker) => `${name}: ${textOf(breaker, "op") ?? ""} waits: ${textOf(breaker, "why") ?? ""}`,
    ),
    ...notesOfPacing(name, partOf(destination, "pacing")),
    ...Object.entries(partOf(destination, "errors")).map(
      ([code, count]) => `${name}: ${String(count)} end with ${code}: keyferry doctor says what mends it`,
    ),
    ...(numberOf(destination, "held") > 0
      ? [`${name}: ${numberOf(destination, "held")} deletes wait for approval: keyferry held list ${name}`]
      : []),
    ...(textOf(oldest, "secret") === undefined
      ? []
      : [`${name}: longest wait ${textOf(oldest, "secret") ?? ""}: ${textOf(oldest, "reason") ?? ""}`]),
    ...(numberOf(drift, "findings") > 0
      ? [`${name}: ${numberOf(drift, "findings")} differences found: keyferry drift report ${name}`]
      : []),
  ];
}

function notesOfPacing(name: string, pacing: Data): string[] {
  const live = numberOf(pacing, "waiting_live");
  const bulk = numberOf(pacing, "waiting_bulk");
  if (live + bulk === 0) return [];
  const why =
    pacing["throttled"] === true
      ? "Azure throttles the vault (429), one probe goes first"
      : "the vault's rate";
  return [`${name}: ${live} live and ${bulk} bulk calls wait: ${why}`];
}

function notesOfService(service: Data): string[] {
  const held = listOf(service, "held_mounts").map(
    (one) => `${textOf(one, "mount") ?? ""}: nothing is published: ${textOf(one, "why") ?? ""}`,
  );
  const offMs = numberOf(service, "clock_off_ms");
  const CLOCK_OFF_MS_MAX = 2_000;
  return Math.abs(offMs) < CLOCK_OFF_MS_MAX
    ? held
    : [
        ...held,
        `${textOf(service, "service") ?? ""} ${textOf(service, "id") ?? ""}: its clock is ${offMs} ms off`,
      ];
}

function listOfTexts(data: Data, name: string): readonly string[] {
  const value = data[name];
  return Array.isArray(value) ? value.map(String) : [];
}
