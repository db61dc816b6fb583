// Owns: what the detector says of itself when somebody asks who is there: remembered from its own events, so that no part
// has to be asked. Does not own: logs and metrics, which the events go on to.
import type { DetectorFacts, Hint } from "@keyferry/contracts";
import type { Clock } from "@keyferry/ports";
import type { DetectorEvents } from "./events.ts";

// What is held is met again by every hint and sweep; what was not met for so long is held no more.
const HELD_MS = 15 * 60_000;
const HELD_MOUNTS_MAX = 100;

export interface KeptFacts {
  /** As the events given, and remembered. */
  readonly events: DetectorEvents;
  readonly facts: (duty: DetectorFacts["duty"]) => DetectorFacts;
}

/** Remembers what passes through `events`. */
export function keepFacts(events: DetectorEvents, clock: Clock): KeptFacts {
  const channels = new Map<string, { state: string; lastHintAt: number | null }>();
  const held = new Map<string, { why: string; at: number }>();
  let lastSweep: DetectorFacts["lastSweep"] = null;
  let secretsKnown = 0;
  const hinted = (channel: Hint["channel"]): void => {
    // Keyferry's own questions are no channel of the source.
    if (channel === "resolver" || channel === "sink") return;
    const state = channels.get(channel)?.state ?? "following";
    channels.set(channel, { state, lastHintAt: clock.now() });
  };
  return {
    events: {
      ...events,
      hintReceived(e) {
        hinted(e.channel);
        events.hintReceived(e);
      },
      auditFile(e) {
        channels.set("audit-file", { lastHintAt: null, ...channels.get("audit-file"), state: e.state });
        events.auditFile(e);
      },
      eventStream(e) {
        channels.set("events", { lastHintAt: null, ...channels.get("events"), state: e.state });
        events.eventStream(e);
      },
      sweepFinished(e) {
        const { mounts, failed, tookMs } = e;
        lastSweep = { endedAt: clock.now(), tookMs, mounts, failed };
        events.sweepFinished(e);
      },
      secretsKnown(e) {
        secretsKnown = e.secrets;
        events.secretsKnown(e);
      },
      memoryLoaded(e) {
        secretsKnown = e.secrets;
        events.memoryLoaded(e);
      },
      held(e) {
        if (held.size < HELD_MOUNTS_MAX || held.has(e.mount))
          held.set(e.mount, { why: e.why, at: clock.now() });
        events.held(e);
      },
    },
    facts(duty) {
      const now = clock.now();
      for (const [mount, { at }] of held) if (now - at > HELD_MS) held.delete(mount);
      return {
        duty,
        secretsKnown,
        channels: [...channels].map(([name, channel]) => ({ name, ...channel })),
        lastSweep,
        held: [...held].map(([mount, one]) => ({ mount, ...one })),
      };
    },
  };
}
