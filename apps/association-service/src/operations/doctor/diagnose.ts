// Owns: from facts to findings: what is wrong, and the very command that mends it. Pure: each fault of the table is
// planted in a test. Does not own: gathering the facts (gather-facts.ts).
// Invariant DOC-1: every finding but `ok` has a fix.

import type { ErrorCode } from "@keyferry/errors";
import { CATALOGUE } from "@keyferry/errors";
import type { Presence, SourceReport } from "@keyferry/contracts";
import { type ConnectionFacts, diagnoseConnection } from "./diagnose-connection.ts";
import type { Finding } from "./finding.ts";
import type { ServerFacts, StreamExtent } from "../ports.ts";

export interface DestinationFacts {
  readonly name: string;
  readonly host: string;
  readonly associations: number;
  readonly held: number;
  /** Error codes of its outcomes, and how many associations end so. */
  readonly errors: Readonly<Record<string, number>>;
  /** The longest wait, ms; undefined: nothing waits. */
  readonly oldestPendingMs: number | undefined;
  readonly paused: boolean;
  /** By name of what differs. */
  readonly drift: Readonly<Record<string, number>>;
  readonly driftFailure: string | null;
  /** Undefined: nobody was asked. */
  readonly connection?: ConnectionFacts;
}

export interface MountFacts {
  readonly mount: string;
  readonly state: "ok" | "missing" | "not-kv2" | "other-accessor" | "denied";
}

export interface Facts {
  /** The association-service's own clock, ms since 1970. */
  readonly now: number;
  readonly version: string;
  readonly services: readonly Presence[];
  readonly server: ServerFacts | undefined;
  readonly streams: Readonly<Record<string, StreamExtent | "missing">>;
  readonly source: {
    readonly version: string | undefined;
    readonly sealed: boolean;
    /** How far the source's clock is from ours, ms; undefined: not known. */
    readonly clockOffMs: number | undefined;
  };
  readonly sourceReport: SourceReport | undefined;
  readonly mounts: readonly MountFacts[];
  readonly destinations: readonly DestinationFacts[];
  readonly letters: number;
  readonly pausedAll: boolean;
  /** Why NATS is not reachable: then nothing is known of the services, and of the rest what was known before. */
  readonly natsAway?: string;
}

const CLOCK_OFF_MS_MAX = 2_000;
const PENDING_MS_MAX = 10 * 60_000;
const FULL_PERCENT = 70; // as DESIGN section 4 alarms
const SWEEP_MS_MAX = 2 * 3_600_000;
const SERVICE_KINDS = ["change-detector", "azure-sink"] as const;
const FLOORS = { OpenBao: [2, 7], Vault: [1, 16] } as const;

/** Everything that was found, faults first; `ok` for each part in which nothing was. */
export function diagnose(facts: Facts): readonly Finding[] {
  if (facts.natsAway !== undefined) return diagnoseWithoutNats(facts, facts.natsAway);
  const findings = [
    ...services(facts),
    ...nats(facts),
    ...redis(facts),
    ...source(facts),
    ...facts.destinations.flatMap((one) => destination(one, facts.services)),
    ...secrets(facts),
    ...clocks(facts),
  ];
  const parts: readonly Finding["part"][] = [
    "services",
    "nats",
    "redis",
    "source",
    "destination",
    "secrets",
    "clocks",
  ];
  const fine = parts
    .filter((part) => !findings.some((one) => one.part === part && one.level !== "ok"))
    .map((part): Finding => ({ id: `${part}-ok`, part, level: "ok", what: OK_WORDS[part], fix: "" }));
  const order = { fault: 0, warning: 1, ok: 2 };
  return [...findings, ...fine].sort((a, b) => order[a.level] - order[b.level]);
}

function diagnoseWithoutNats(facts: Facts, why: string): readonly Finding[] {
  const fix = "Start nats-server (with -js), or correct nats.servers in keyferry.yaml.";
  const away = fault(
    "nats",
    "nats-away",
    `NATS is not reachable: ${why}. The rest is what was known before`,
    fix,
  );
  const known = [...source(facts), ...facts.destinations.flatMap((one) => destination(one, facts.services))];
  return [away, ...known.filter(({ level }) => level !== "ok")];
}

const OK_WORDS: Readonly<Record<Finding["part"], string>> = {
  services: "every kind of service answers",
  nats: "the streams are there and have room",
  redis: "every sink reaches it, and it evicts nothing",
  source: "it answers, and nothing of it is held back",
  destination: "nothing waits or fails for longer than it should",
  secrets: "no dead letters",
  clocks: "they agree",
};

function many(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function fault(part: Finding["part"], id: string, what: string, fix: string): Finding {
  return { id, part, level: "fault", what, fix };
}

function warning(part: Finding["part"], id: string, what: string, fix: string): Finding {
  return { id, part, level: "warning", what, fix };
}

function services({ services: present, version, pausedAll }: Facts): Finding[] {
  const findings: Finding[] = [];
  for (const kind of SERVICE_KINDS) {
    if (present.some(({ service }) => service === kind)) continue;
    const fix = `Start one: node apps/${kind}/src/main.ts --config keyferry.yaml; its log says what it waits for.`;
    findings.push(fault("services", `${kind}-missing`, `No ${kind} answers`, fix));
  }
  for (const { service, id, waitingFor } of present) {
    // Redis has findings of its own.
    const waits = waitingFor.filter((what) => !/redis/i.test(what));
    if (waits.length === 0) continue;
    const fix = `Mend what it waits for; its log has more: ${service} ${id}.`;
    findings.push(
      fault("services", `${service}-waiting`, `${service} ${id} waits: ${waits.join("; ")}`, fix),
    );
  }
  const others = new Set(present.map((one) => one.version).filter((one) => one !== version));
  if (others.size > 0) {
    const what = `Services of other versions than ${version} run: ${[...others].join(", ")}`;
    findings.push(warning("services", "versions-differ", what, "Upgrade all services to one version."));
  }
  if (pausedAll) {
    const fix = "keyferry resume --all";
    findings.push(warning("services", "paused", "Everything is paused by a person: nothing is written", fix));
  }
  const working = present.filter(({ detector }) => detector?.duty === "working");
  if (present.some(({ detector }) => detector !== undefined) && working.length === 0) {
    const fix = "Wait for a lease's end (15 s); if it lasts, look at the change-detectors' logs.";
    findings.push(
      fault("services", "no-detector-works", "No change-detector works: all stand by or wait", fix),
    );
  }
  return findings;
}

function nats({ server, streams }: Facts): Finding[] {
  const findings: Finding[] = [];
  for (const [name, extent] of Object.entries(streams)) {
    if (extent === "missing") {
      const fix = "keyferry resync: it makes missing streams anew, and orders what was lost with them.";
      findings.push(fault("nats", "stream-missing", `The stream ${name} is missing`, fix));
      continue;
    }
    const percent = extent.sizeBytesMax > 0 ? (100 * extent.sizeBytes) / extent.sizeBytesMax : 0;
    if (percent >= FULL_PERCENT) {
      const fix = `nats stream edit ${name} --max-bytes=${2 * extent.sizeBytesMax}`;
      findings.push(fault("nats", "stream-full", `The stream ${name} is ${Math.round(percent)} % full`, fix));
    }
    if (server?.cluster !== undefined && extent.replicas === 1) {
      const fix = "Set nats.replicas to 3 in keyferry.yaml and restart the association-service.";
      findings.push(
        warning(
          "nats",
          "one-replica",
          `The stream ${name} has one copy, in a cluster (${server.cluster})`,
          fix,
        ),
      );
    }
  }
  if (server !== undefined && server.cluster === undefined) {
    const fix = "Run 3 nodes for production, and set nats.replicas to 3 (docs/operations.md).";
    findings.push(
      warning("nats", "single-server", "NATS is a single server: its loss is the loss of history", fix),
    );
  }
  if (server !== undefined && !server.authenticated) {
    const fix =
      "keyferry policy nats: users and permissions to paste; then nats.user and nats.password in keyferry.yaml.";
    findings.push(warning("nats", "nats-open", "NATS asks nobody for a password", fix));
  }
  return findings;
}

function redis({ services: present }: Facts): Finding[] {
  return present.flatMap(({ id, sink, waitingFor }) => {
    if (sink === undefined) return [];
    const { connected } = sink.redis;
    // What it waits for at its start says it, too.
    const why = sink.redis.why ?? waitingFor.find((what) => /redis/i.test(what)) ?? "";
    const policy = /evict|maxmemory|noeviction/i.test(why);
    if (policy) {
      const fix =
        "redis-cli config set maxmemory-policy noeviction; and in redis.conf: maxmemory-policy noeviction";
      return [fault("redis", "redis-evicts", `Redis may throw data away (sink ${id}): ${why}`, fix)];
    }
    if (connected && why === "") return [];
    const fix = "Start Redis, or correct redis.url in keyferry.yaml: redis-cli -u <url> ping answers PONG.";
    return [fault("redis", "redis-away", `Sink ${id} does not reach Redis: ${why}`, fix)];
  });
}

function source({
  source: { version, sealed },
  sourceReport,
  mounts,
  services: present,
  now,
}: Facts): Finding[] {
  const findings: Finding[] = [];
  if (sealed)
    findings.push(
      fault("source", "sealed", "The source is sealed", "bao operator unseal (vault operator unseal)"),
    );
  const old = version === undefined ? undefined : tooOld(version);
  if (old !== undefined) {
    findings.push(
      warning("source", "source-old", old, "Upgrade it: docs/operations.md lists the oldest versions."),
    );
  }
  for (const { mount, why, change } of sourceReport?.held ?? [])
    findings.push(heldFinding(mount, why, change));
  for (const { mount, state } of mounts) findings.push(...mountFinding(mount, state));
  for (const { id, detector } of present) {
    if (detector?.duty !== "working") continue;
    findings.push(...detectorFindings(id, detector, now));
  }
  return findings;
}

function heldFinding(mount: string, why: string, change: { kind: string; to: string } | null): Finding {
  const what = `Nothing of ${mount} is published: ${why}`;
  if (why === "source-changed" && change !== null) {
    const at = change.kind === "mount" ? ` --mount ${mount}` : "";
    return fault(
      "source",
      "source-changed",
      what,
      `If what answers now is right: keyferry confirm ${change.to}${at}`,
    );
  }
  const fixes: Readonly<Record<string, string>> = {
    "mount-missing": `bao secrets enable -path=${mount} -version=2 kv; or remove its associations.`,
    "source-denied": "keyferry policy detector | bao policy write keyferry-change-detector -",
    "not-watched": `Add ${mount} to changeDetector.mounts in keyferry.yaml and restart the change-detector.`,
  };
  return fault("source", `held-${why}`, what, fixes[why] ?? "Look at the change-detector's log.");
}

function mountFinding(mount: string, state: MountFacts["state"]): Finding[] {
  switch (state) {
    case "ok":
      return [];
    case "missing": {
      const fix = `bao secrets enable -path=${mount} -version=2 kv; or remove its associations.`;
      return [
        fault("source", "mount-missing", `Nothing is mounted at ${mount}, which has associations`, fix),
      ];
    }
    case "not-kv2": {
      const fix = `bao kv enable-versioning ${mount}`;
      return [fault("source", "mount-not-kv2", `${mount} is not KV version 2`, fix)];
    }
    case "other-accessor": {
      const fix = `keyferry status --secret ${mount}/…; if the new mount is right: keyferry confirm <accessor> --mount ${mount}`;
      return [fault("source", "mount-replaced", `Another mount stands at ${mount} than was associated`, fix)];
    }
    case "denied": {
      const fix = "keyferry policy api | bao policy write keyferry-association-service -";
      return [fault("source", "mount-denied", `The association-service may not look at ${mount}`, fix)];
    }
  }
}

function detectorFindings(id: string, detector: NonNullable<Presence["detector"]>, now: number): Finding[] {
  const findings: Finding[] = [];
  const listening = detector.channels.filter(({ name }) => name !== "manual" && name !== "gateway");
  if (listening.length === 0) {
    const fix =
      "Set changeDetector.hints.auditFile in keyferry.yaml to the source's audit log, and restart the change-detector.";
    findings.push(
      warning(
        "source",
        "no-hints",
        `Detector ${id} follows no audit channel: changes wait for the next sweep`,
        fix,
      ),
    );
  }
  for (const { name, state } of listening) {
    if (state !== "waiting") continue;
    const fix =
      "bao audit enable file file_path=<changeDetector.hints.auditFile>; the detector must be able to read it.";
    findings.push(
      fault("source", "audit-file-missing", `Detector ${id} waits for the ${name}: it is not there`, fix),
    );
  }
  const { lastSweep } = detector;
  if (lastSweep !== null && lastSweep.failed > 0) {
    const fix =
      "keyferry policy detector | bao policy write keyferry-change-detector -; its log names the mounts.";
    findings.push(
      fault("source", "sweep-fails", `The last sweep failed for ${many(lastSweep.failed, "mount")}`, fix),
    );
  }
  if (lastSweep !== null && now - lastSweep.endedAt > SWEEP_MS_MAX) {
    const fix =
      "Look at the change-detector's log; changeDetector.sweep.intervalS says how often it should be.";
    findings.push(warning("source", "sweep-old", "The last sweep ended more than two hours ago", fix));
  }
  return findings;
}

function tooOld(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split(/[.+-]/).map(Number);
  // OpenBao began at 2; Vault is at 1.
  const [name, floor] =
    major >= 2 ? (["OpenBao", FLOORS.OpenBao] as const) : (["Vault", FLOORS.Vault] as const);
  const isOld = major < floor[0] || (major === floor[0] && minor < floor[1]);
  return isOld ? `${name} ${version} is older than ${floor.join(".")}` : undefined;
}

function destination(facts: DestinationFacts, present: readonly Presence[]): Finding[] {
  const { name, host, held, errors, oldestPendingMs, paused, drift, driftFailure } = facts;
  const findings: Finding[] = [];
  // Without any sink there is a finding for that, once.
  const hasSink = present.some(({ service }) => service === "azure-sink");
  if (facts.connection !== undefined && hasSink) {
    findings.push(...diagnoseConnection({ name, host, ...facts.connection }));
  }
  for (const [code, count] of Object.entries(errors)) {
    const advice = code in CATALOGUE ? CATALOGUE[code as ErrorCode].advice : "Look at the azure-sink's log.";
    const fix = DESTINATION_FIXES[code]?.(name, host) ?? advice;
    findings.push(fault("destination", code, `${name}: ${many(count, "secret")} out of step: ${code}`, fix));
  }
  if (paused) {
    findings.push(
      warning(
        "destination",
        "destination-paused",
        `${name} is paused by a person`,
        `keyferry resume ${name}`,
      ),
    );
  }
  if (held > 0) {
    const what = `${name}: more deletes than its budget allows: ${held} wait for a person`;
    findings.push(
      fault(
        "destination",
        "deletes-held",
        what,
        `keyferry held list ${name}, then keyferry held approve ${name}`,
      ),
    );
  }
  if (!paused && oldestPendingMs !== undefined && oldestPendingMs > PENDING_MS_MAX) {
    const what = `${name}: a secret has waited for ${Math.round(oldestPendingMs / 60_000)} minutes`;
    findings.push(
      fault(
        "destination",
        "waits-long",
        what,
        `keyferry status ${name} names it; then keyferry status --secret.`,
      ),
    );
  }
  if (driftFailure !== null) {
    const what = `${name}: the last drift check failed: ${driftFailure}`;
    findings.push(
      fault(
        "destination",
        "drift-check-failed",
        what,
        `Mend what it says, then keyferry drift check ${name}`,
      ),
    );
  }
  for (const [kind, count] of Object.entries(drift)) {
    const what = `${name}: ${many(count, "secret")} in Key Vault not as written (${kind})`;
    findings.push(
      warning(
        "destination",
        `drift-${kind}`,
        what,
        `keyferry drift report ${name}, then keyferry drift repair ${name}`,
      ),
    );
  }
  return findings;
}

const DESTINATION_FIXES: Readonly<Record<string, (name: string, host: string) => string>> = {
  "vault-denied": (_name, host) =>
    `keyferry policy azure: run what it prints for ${host}. A new role can take ten minutes.`,
  "vault-credential": (name) =>
    `bao patch sys/sync/destinations/azure-kv/${name} client_secret=-: a new secret of the application, on stdin.`,
  "vault-unreachable": (name, host) =>
    `From the sink's host: nslookup ${host}; then its firewall and private endpoint. Is key_vault_uri of ${name} right?`,
  "foreign-owner": (name) => `keyferry adopt ${name}: shows what is there, and takes it over if you say so.`,
};

function secrets({ letters }: Facts): Finding[] {
  if (letters === 0) return [];
  const fix = "keyferry dlq list; mend what it says, then keyferry dlq retry NUMBER.";
  return [fault("secrets", "dead-letters", `${many(letters, "dead letter")} for a person to look at`, fix)];
}

function clocks({ services: present, source: { clockOffMs }, now }: Facts): Finding[] {
  const findings: Finding[] = [];
  for (const { service, id, now: theirs } of present) {
    const off = Math.round(theirs - now);
    if (Math.abs(off) <= CLOCK_OFF_MS_MAX) continue;
    const fix = "chronyc makestep (or timedatectl set-ntp true) on its host.";
    findings.push(warning("clocks", "clock-off", `The clock of ${service} ${id} is ${off} ms off`, fix));
  }
  if (clockOffMs !== undefined && Math.abs(clockOffMs) > CLOCK_OFF_MS_MAX) {
    const fix = "chronyc makestep (or timedatectl set-ntp true) on the source's host.";
    findings.push(
      warning("clocks", "source-clock-off", `The source's clock is ${Math.round(clockOffMs)} ms off`, fix),
    );
  }
  return findings;
}
