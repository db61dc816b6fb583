import type { Bus } from "@keyferry/bus";
import type { SecretKey, SyncCommand, SyncRecord, VersionEvent } from "@keyferry/contracts";

// Owns: how long each hop of a change took, read off the messages themselves: JetStream's times and the emulator's.

/** The times, in ms since 1970, at which a change passed each point. */
export interface Passage {
  /** Vault answered the write. */
  readonly committed: number;
  /** The detector's event is in KV2_EVENTS. */
  readonly event: number | undefined;
  /** The resolver's command is in SYNC_DESIRED. */
  readonly command: number | undefined;
  /** Key Vault took the write. */
  readonly keyVault: number;
  /** The outcome is in SYNC_RESULTS. */
  readonly outcome: number | undefined;
}

/** The last message of each stream about one (destination, secret). */
export interface LastMessages {
  readonly event: { readonly time: number; readonly value: VersionEvent } | undefined;
  readonly command: { readonly time: number; readonly value: SyncCommand } | undefined;
  readonly record: { readonly time: number; readonly value: SyncRecord } | undefined;
}

/** Reads them from the streams. */
export async function readLastMessages(
  bus: Bus,
  source: string,
  destination: string,
  key: SecretKey,
): Promise<LastMessages> {
  const [event, command, record] = await Promise.all([
    bus.events.last(source, key),
    bus.commands.last(destination, key),
    bus.results.last(destination, key),
  ]);
  return { event, command, record };
}

/** One line of hop times; a hop whose message came before the change is left out. */
export function formatPassage({ committed, event, command, keyVault, outcome }: Passage): string {
  const points: [string, number | undefined][] = [
    ["event", event],
    ["command", command],
    ["Key Vault", keyVault],
    ["outcome", outcome],
  ];
  let before = committed;
  const hops: string[] = [];
  for (const [name, at] of points) {
    // Clocks are of one machine, but the write's answer may come after the event that it caused.
    if (at === undefined || at < committed - 1_000) continue;
    hops.push(`${name} ${Math.max(0, Math.round(at - before))} ms`);
    before = Math.max(before, at);
  }
  return `commit → ${hops.join(" → ")}   (${Math.max(0, Math.round(keyVault - committed))} ms to Key Vault)`;
}
