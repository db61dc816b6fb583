// Owns: which channels of hints the configuration switches on, and their end with the process. Each works without the
// detector that listens, and beside any other.
import { readFile } from "node:fs/promises";
import type { ServiceContext } from "@keyferry/service";
import type { TokenSource } from "@keyferry/vault-client";
import type { DetectorEvents } from "../events.ts";
import type { HintChannel } from "../ports.ts";
import { AuditCollector } from "./audit-collector.ts";
import { openAuditHttp } from "./audit-http.ts";
import { openAuditSocket } from "./audit-socket.ts";
import { EventStream } from "./event-stream.ts";
import { type AuditChannel, LineHints } from "./line-hints.ts";
import { openManualHttp } from "./manual-http.ts";

type Context = ServiceContext<"changeDetector">;

interface ChannelParts {
  /** For the event stream. */
  readonly token: TokenSource;
  readonly hints: HintChannel;
  readonly events: DetectorEvents;
}

/** Opens all that are configured. Throws `listen-address-taken` or `config-invalid` for one that can't be. */
export async function openChannels(context: Context, { token, hints, events }: ChannelParts): Promise<void> {
  await followAuditFile(context, hints, events);
  await openAuditReceivers(context, hints, events);
  const { auditFile, auditHttp } = context.config.changeDetector.hints;
  // What came while this collector was away, nobody has told. Its own detector begins with a sweep; this is for another
  // one, which works while this process stands by beside its node (hazard hints-die-at-standby).
  if (auditFile !== undefined) tellGap("audit-file", { hints, events });
  if (auditHttp !== undefined) tellGap("audit-http", { hints, events });
  await openManualHints(context, hints);
  await followEvents(context, token, hints, events);
}

function tellGap(channel: AuditChannel, parts: Pick<ChannelParts, "hints" | "events">): void {
  new LineHints({ ...parts, channel }).gap("started");
}

async function followAuditFile(context: Context, hints: HintChannel, events: DetectorEvents): Promise<void> {
  const { auditFile } = context.config.changeDetector.hints;
  if (auditFile === undefined) return;
  const collector = new AuditCollector({ path: auditFile, clock: context.clock, hints, events });
  await collector.open();
  const following = collector.run(context.signal);
  context.onShutdown("audit file", () => following);
}

async function openAuditReceivers(
  { config, announce, onShutdown }: Context,
  hints: HintChannel,
  events: DetectorEvents,
): Promise<void> {
  const { auditSocket, auditHttp } = config.changeDetector.hints;
  if (auditSocket !== undefined) {
    const key = "changeDetector.hints.auditSocket.listen";
    const socket = await openAuditSocket({ listen: auditSocket.listen, key, hints, events });
    onShutdown("audit socket", () => socket.close());
    await announce({ auditSocket: socket.address });
  }
  if (auditHttp !== undefined) {
    const key = "changeDetector.hints.auditHttp.listen";
    const http = await openAuditHttp({ listen: auditHttp.listen, key, hints, events });
    onShutdown("audit http", () => http.close());
    await announce({ auditHttp: http.address });
  }
}

async function openManualHints(
  { config, secrets, announce, onShutdown }: Context,
  hints: HintChannel,
): Promise<void> {
  const { source, changeDetector } = config;
  const { manual } = changeDetector.hints;
  if (manual === undefined) return;
  const { namespace } = source;
  const key = "changeDetector.hints.manual.listen";
  const http = await openManualHttp({
    listen: manual.listen,
    key,
    namespace,
    token: secrets.hintToken,
    hints,
  });
  onShutdown("manual hints", () => http.close());
  await announce({ manualHints: http.address });
}

async function followEvents(
  { config, clock, random, signal, onShutdown }: Context,
  token: TokenSource,
  hints: HintChannel,
  events: DetectorEvents,
): Promise<void> {
  const { source, changeDetector } = config;
  const { enabled, namespaces = [], redirectHosts = [] } = changeDetector.hints.events;
  if (!enabled) return;
  const { address, namespace, caFile } = source;
  const target = {
    address,
    namespace,
    namespaces,
    redirectHosts,
    ...(caFile === undefined ? {} : { ca: await readFile(caFile) }),
  };
  const following = new EventStream({ target, token, clock, random, hints, events }).run(signal);
  onShutdown("event stream", () => following);
}
