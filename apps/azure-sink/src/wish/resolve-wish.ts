import {
  fingerprintOf,
  type Hint,
  isSameVersionTime,
  policyOf,
  type PresentState,
  type SyncCommand,
} from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import { renderPayload } from "@keyferry/naming";
import type { OpenDestination, SinkDependencies } from "../ports.ts";
import { absentWish, matchState, presentWish, type Wish, wishedNames } from "./wish.ts";

/** reference: what Vault marks secrets with; its documents show name and empty value for AWS, and nothing else for Azure. */
const VAULT_TAG = { "hashicorp:vault": "" };

/** What the source says about a command now: what is wished, or that the command or the read is behind. */
export type ResolvedWish = { readonly kind: "wish"; readonly wish: Wish } | { readonly kind: "behind" };

/**
 * Reads what a command needs of the source. A person's unsync reads nothing: it must work with the source sealed or
 * gone for good (hazard unsync-without-source). Throws source-* errors, `name-invalid`, `settings-invalid` and
 * `value-unusable`.
 */
export async function resolveWish(
  command: SyncCommand,
  destination: OpenDestination,
  deps: Pick<SinkDependencies, "source" | "hints">,
  signal: AbortSignal,
): Promise<ResolvedWish> {
  const absent = (): ResolvedWish => ({ kind: "wish", wish: absentWish(command, destination.record) });
  if (command.expect === null) return absent();
  const read = await deps.source.readMetadata(command.secret, signal);
  const present = read.kind === "present" ? read.state : undefined;
  const match = matchState(command, { present, fingerprint: fingerprintOf(present ?? { kind: "gone" }) });
  if (match.kind === "behind") {
    deps.hints.publish(command.secret.source, lookHint(command));
    return { kind: "behind" };
  }
  if (present === undefined || match.version === undefined) return absent();
  const subKeys =
    command.spec.granularity === "secret-key"
      ? await keysOf(command, { number: match.version, of: present }, deps, signal)
      : undefined;
  if (subKeys === "unreadable") return { kind: "behind" };
  const names = wishedNames(command, destination.record, subKeys);
  const builtIn = policyOf(destination.record.policy).vaultTag ? VAULT_TAG : {};
  return { kind: "wish", wish: presentWish(command, present, match.version, names, builtIn) };
}

// Only the keys are kept: each value is read again just before it is sent.
async function keysOf(
  command: SyncCommand,
  version: { readonly number: number; readonly of: PresentState },
  deps: Pick<SinkDependencies, "source">,
  signal: AbortSignal,
): Promise<readonly string[] | "unreadable"> {
  const read = await deps.source.readVersion(command.secret, version.number, signal);
  if (read.kind !== "live") return "unreadable";
  const { createdTime } = version.of.versions[String(version.number)] ?? read;
  if (!isSameVersionTime(read.createdTime, createdTime)) return "unreadable";
  const payload = renderPayload({ granularity: "secret-key", rawJson: read.data });
  if (payload.kind !== "keys") {
    const why = payload.kind === "refused" ? payload.why : "it has no keys";
    throw new KeyferryError("value-unusable", `The secret's data can't be synced by key: ${why}`);
  }
  return [...payload.values.keys()];
}

function lookHint({ secret }: SyncCommand): Hint {
  const { namespace, mount, path } = secret;
  return { major: 1, namespace, mount, path, operation: "look", channel: "sink" };
}
