// Owns: how one secret's way is shown, hop by hop. Pure.

import type { Data } from "../api-client.ts";
import { agoText, factsOf, tableOf } from "../output.ts";
import { listOf, partOf, shownOf, textOf } from "../rows.ts";

// A secret may keep hundreds of versions; the newest tell what matters.
const VERSIONS_SHOWN = 5;

/** The text of `keyferry status --secret`. */
export function secretText(data: Data, now: number): string {
  const source = partOf(data, "source");
  const head = factsOf([
    ["secret", `${textOf(data, "mount") ?? ""}/${textOf(data, "secret_name") ?? ""}`],
    ["source", sourceText(source)],
    ["seen", seenText(source, now)],
  ]);
  const destinations = listOf(data, "destinations");
  if (destinations.length === 0) return `${head}\n\nIt is associated with no destination.`;
  return [head, versionsTable(source), ...destinations.map((one) => destinationText(one, now))]
    .filter((part) => part !== "")
    .join("\n\n");
}

function sourceText(source: Data): string {
  switch (source["state"]) {
    case "present":
      return source["live_version"] === null
        ? `version ${shownOf(source, "current_version")}, none that can be read`
        : `version ${shownOf(source, "current_version")}, version ${shownOf(source, "live_version")} is to be synced`;
    case "gone":
      return "gone: its metadata was deleted";
    default:
      return "not seen yet: the change-detector has not looked at it";
  }
}

function seenText(source: Data, now: number): string | undefined {
  const at = textOf(source, "seen_at");
  if (at === undefined) return undefined;
  return `${agoText(at, now)} by ${textOf(source, "seen_via") ?? "?"} (event ${shownOf(source, "event_sequence")})`;
}

function versionsTable(source: Data): string {
  const versions = listOf(source, "versions").slice(0, VERSIONS_SHOWN);
  if (versions.length === 0) return "";
  const rows = versions.map((version) => [
    version["version"],
    textOf(version, "state"),
    textOf(version, "created_at"),
  ]);
  return tableOf(["version", "state", "created"], rows);
}

function destinationText(pair: Data, now: number): string {
  const command = partOf(pair, "command");
  const outcome = partOf(pair, "outcome");
  const nextStep = textOf(pair, "next_step") ?? "";
  const facts = factsOf([
    ["destination", textOf(pair, "destination")],
    ["association", associationText(partOf(pair, "association"), now)],
    ["command", commandText(command, now)],
    ["outcome", outcomeText(outcome, now)],
    ["status", `${textOf(pair, "sync_status") ?? "?"}: ${textOf(pair, "reason") ?? ""}`],
    ["next step", nextStep === "" ? "none needed" : nextStep],
  ]);
  const names = listOf(pair, "external_names");
  if (names.length === 0) return facts;
  const rows = names.map((name) => [
    textOf(name, "name"),
    textOf(name, "state"),
    name["source_version"],
    textOf(name, "key_vault_version"),
    agoText(name["written_at"], now),
    textOf(name, "open_write"),
  ]);
  const table = tableOf(
    ["name in key vault", "state", "version", "key vault version", "written", "under way"],
    rows,
  );
  return `${facts}\n${table}`;
}

function associationText(association: Data, now: number): string {
  return `${shownOf(association, "state")} since ${agoText(association["since"], now)}, ${shownOf(association, "granularity")}`;
}

function commandText(command: Data, now: number): string {
  if (textOf(command, "op") === undefined) return "none yet";
  const expects =
    command["expects_version"] === null ? "" : ` version ${shownOf(command, "expects_version")}`;
  return `${shownOf(command, "op")}${expects}, ${shownOf(command, "reason")}, lane ${shownOf(command, "lane")}, ${agoText(command["at"], now)}`;
}

function outcomeText(outcome: Data, now: number): string {
  if (textOf(outcome, "kind") === undefined) return "none yet";
  const error = textOf(outcome, "error");
  return `${shownOf(outcome, "kind")} ${agoText(outcome["at"], now)}${error === undefined ? "" : `: ${error}`}`;
}
