// The table of planted faults: each is found under its own id, and what is found can be acted upon.
import type { CheckFinding, Presence } from "@keyferry/contracts";
import { describe, expect, test } from "vitest";
import type { StreamExtent } from "../ports.ts";
import { type DestinationFacts, diagnose, type Facts } from "./diagnose.ts";

const NOW = 1_800_000_000_000;

const EXTENT: StreamExtent = {
  created: 0,
  firstSequence: 1,
  firstTime: 1,
  lastSequence: 1,
  lastTime: 1,
  messages: 1,
  sizeBytes: 10,
  sizeBytesMax: 1_000,
  replicas: 3,
};

const DETECTOR: NonNullable<Presence["detector"]> = {
  duty: "working",
  secretsKnown: 5,
  channels: [{ name: "audit-file", state: "following", lastHintAt: NOW }],
  lastSweep: { endedAt: NOW - 1_000, tookMs: 10, mounts: 1, failed: 0 },
  held: [],
};

function presence(service: string, over: Partial<Presence> = {}): Presence {
  return {
    major: 1,
    service,
    id: `${service}-1`,
    version: "1",
    startedAt: 0,
    now: NOW,
    waitingFor: [],
    ...over,
  };
}

const SINK = { redis: { connected: true }, breakers: [] };
const SERVICES = {
  detector: presence("change-detector", { detector: DETECTOR }),
  association: presence("association-service"),
  sink: presence("azure-sink", { sink: SINK }),
};

const WELL: Facts = {
  now: NOW,
  version: "1",
  services: Object.values(SERVICES),
  server: { version: "2.15.0", cluster: "c", tls: true, authenticated: true },
  streams: { KV2_EVENTS: EXTENT, SYNC_DESIRED: EXTENT, SYNC_RESULTS: EXTENT },
  source: { version: "2.7.0", sealed: false, clockOffMs: 100 },
  sourceReport: undefined,
  mounts: [{ mount: "my-kv", state: "ok" }],
  destinations: [],
  letters: 0,
  pausedAll: false,
};

const DESTINATION: DestinationFacts = {
  name: "kv-prod",
  host: "kv-prod.vault.azure.net",
  associations: 5,
  held: 0,
  errors: {},
  oldestPendingMs: undefined,
  paused: false,
  drift: {},
  driftFailure: null,
};

const connection = (check: CheckFinding["check"], detail = "refused"): Partial<DestinationFacts> => ({
  connection: {
    clientId: "app-1",
    credential: "client-secret",
    checks: [
      { check: "dns", ok: true, detail: "one address", isCertain: false },
      { check, ok: false, detail, advice: "Some more.", isCertain: false },
    ],
  },
});

const withServices = (...services: readonly Presence[]): Partial<Facts> => ({ services });
const withDestination = (over: Partial<DestinationFacts>): Partial<Facts> => ({
  destinations: [{ ...DESTINATION, ...over }],
});
const withDetector = (over: Partial<NonNullable<Presence["detector"]>>): Partial<Facts> =>
  withServices(presence("change-detector", { detector: { ...DETECTOR, ...over } }), SERVICES.sink);
const withHeld = (
  why: "source-changed" | "source-denied" | "not-watched" | "mount-missing",
): Partial<Facts> => ({
  sourceReport: {
    major: 1,
    source: "main",
    at: "2026-01-01T00:00:00Z",
    moved: [],
    held: [
      {
        namespace: "",
        mount: "my-kv",
        why,
        since: "2026-01-01T00:00:00Z",
        change: why === "source-changed" ? { kind: "mount", from: "kv_1", to: "kv_2" } : null,
      },
    ],
  },
});

const PLANTED: readonly (readonly [id: string, facts: Partial<Facts>, fix: RegExp])[] = [
  ["change-detector-missing", withServices(SERVICES.sink), /Start one/],
  ["azure-sink-missing", withServices(SERVICES.detector), /Start one/],
  [
    "azure-sink-waiting",
    withServices(SERVICES.detector, presence("azure-sink", { waitingFor: ["the tag keys"], sink: SINK })),
    /Mend what it waits for/,
  ],
  [
    "versions-differ",
    withServices(SERVICES.detector, presence("azure-sink", { version: "0", sink: SINK })),
    /Upgrade/,
  ],
  ["no-detector-works", withDetector({ duty: "standing-by" }), /lease/],
  ["paused", { pausedAll: true }, /keyferry resume --all/],
  ["stream-missing", { streams: { ...WELL.streams, SYNC_DESIRED: "missing" } }, /keyferry resync/],
  [
    "stream-full",
    { streams: { KV2_EVENTS: { ...EXTENT, sizeBytes: 800 } } },
    /nats stream edit KV2_EVENTS --max-bytes=2000/,
  ],
  ["one-replica", { streams: { KV2_EVENTS: { ...EXTENT, replicas: 1 } } }, /nats\.replicas/],
  [
    "single-server",
    { server: { version: "2.15.0", cluster: undefined, tls: true, authenticated: true } },
    /3 nodes/,
  ],
  [
    "nats-open",
    { server: { version: "2.15.0", cluster: "c", tls: true, authenticated: false } },
    /keyferry policy nats/,
  ],
  [
    "redis-evicts",
    withServices(
      SERVICES.detector,
      presence("azure-sink", {
        sink: { ...SINK, redis: { connected: true, why: "maxmemory-policy is allkeys-lru" } },
      }),
    ),
    /noeviction/,
  ],
  [
    "redis-evicts",
    withServices(
      SERVICES.detector,
      presence("azure-sink", { waitingFor: ["Redis: maxmemory-policy is allkeys-lru"], sink: SINK }),
    ),
    /noeviction/,
  ],
  [
    "redis-away",
    withServices(
      SERVICES.detector,
      presence("azure-sink", {
        waitingFor: ["Redis does not answer"],
        sink: { ...SINK, redis: { connected: false, why: "it does not answer" } },
      }),
    ),
    /redis\.url/,
  ],
  ["sealed", { source: { ...WELL.source, sealed: true } }, /operator unseal/],
  ["source-old", { source: { ...WELL.source, version: "1.15.6" } }, /Upgrade/],
  ["source-old", { source: { ...WELL.source, version: "2.6.1" } }, /Upgrade/],
  ["source-changed", withHeld("source-changed"), /keyferry confirm kv_2 --mount my-kv/],
  ["held-source-denied", withHeld("source-denied"), /keyferry policy detector/],
  ["held-not-watched", withHeld("not-watched"), /changeDetector\.mounts/],
  ["held-mount-missing", withHeld("mount-missing"), /secrets enable -path=my-kv/],
  ["mount-missing", { mounts: [{ mount: "my-kv", state: "missing" }] }, /secrets enable -path=my-kv/],
  ["mount-not-kv2", { mounts: [{ mount: "my-kv", state: "not-kv2" }] }, /enable-versioning my-kv/],
  ["mount-replaced", { mounts: [{ mount: "my-kv", state: "other-accessor" }] }, /keyferry confirm/],
  ["mount-denied", { mounts: [{ mount: "my-kv", state: "denied" }] }, /keyferry policy api/],
  ["no-hints", withDetector({ channels: [] }), /auditFile/],
  [
    "audit-file-missing",
    withDetector({ channels: [{ name: "audit-file", state: "waiting", lastHintAt: null }] }),
    /audit enable file/,
  ],
  [
    "sweep-fails",
    withDetector({ lastSweep: { endedAt: NOW, tookMs: 1, mounts: 2, failed: 1 } }),
    /keyferry policy detector/,
  ],
  [
    "sweep-old",
    withDetector({ lastSweep: { endedAt: NOW - 3 * 3_600_000, tookMs: 1, mounts: 2, failed: 0 } }),
    /intervalS/,
  ],
  [
    "vault-denied",
    withDestination({ errors: { "vault-denied": 2 } }),
    /keyferry policy azure.*kv-prod\.vault/,
  ],
  ["vault-credential", withDestination({ errors: { "vault-credential": 2 } }), /client_secret/],
  ["vault-unreachable", withDestination({ errors: { "vault-unreachable": 2 } }), /nslookup kv-prod\.vault/],
  ["foreign-owner", withDestination({ errors: { "foreign-owner": 1 } }), /keyferry adopt kv-prod/],
  ["value-too-large", withDestination({ errors: { "value-too-large": 1 } }), /25,600 bytes/],
  ["destination-paused", withDestination({ paused: true }), /keyferry resume kv-prod/],
  ["deletes-held", withDestination({ held: 3 }), /keyferry held approve kv-prod/],
  ["waits-long", withDestination({ oldestPendingMs: 3_600_000 }), /keyferry status kv-prod/],
  [
    "drift-check-failed",
    withDestination({ driftFailure: "vault-denied: no list" }),
    /keyferry drift check kv-prod/,
  ],
  ["drift-missing", withDestination({ drift: { missing: 2 } }), /keyferry drift repair kv-prod/],
  [
    "connection-unanswered",
    withDestination({ connection: { clientId: "a", credential: "environment", checks: "unanswered" } }),
    /keyferry status/,
  ],
  [
    "connection-dns",
    withDestination(connection("dns", "kv has no address: ENOTFOUND")),
    /nslookup kv-prod\.vault/,
  ],
  [
    "connection-dns",
    withDestination(connection("dns", "10.0.0.4 is private")),
    /bao patch \S*\/kv-prod allowed_ipv4_addresses=/,
  ],
  [
    "connection-tls",
    withDestination(connection("tls", "not trusted")),
    /openssl s_client -connect kv-prod\.vault/,
  ],
  [
    "connection-tls",
    withDestination(connection("tls", "no connection to kv-prod: ECONNREFUSED")),
    /az keyvault network-rule add --name kv-prod/,
  ],
  ["connection-tenant", withDestination(connection("tenant")), /bao delete \S*\/kv-prod/],
  ["connection-token", withDestination(connection("token")), /bao patch \S*\/kv-prod client_secret=-/],
  ...(["list", "list-deleted", "set", "update", "delete", "recover"] as const).map(
    (check): (typeof PLANTED)[number] => [
      `connection-${check}`,
      withDestination(connection(check)),
      /az role assignment create --assignee app-1 .*--name kv-prod/,
    ],
  ),
  [
    "connection-list",
    withDestination(connection("list", "Forbidden: the vault's own firewall refuses")),
    /network-rule add/,
  ],
  [
    "connection-set",
    withDestination(connection("set", "not proven this time: Key Vault was still at work")),
    /^keyferry doctor --probe/,
  ],
  ["connection-soft-delete", withDestination(connection("soft-delete")), /--enable-soft-delete true/],
  ["dead-letters", { letters: 2 }, /keyferry dlq list/],
  [
    "clock-off",
    withServices(SERVICES.detector, presence("azure-sink", { now: NOW + 60_000, sink: SINK })),
    /chronyc makestep/,
  ],
  ["source-clock-off", { source: { ...WELL.source, clockOffMs: -30_000 } }, /chronyc makestep/],
];

describe("a diagnosis", () => {
  test("of an installation in which all is well finds nothing, and says so for each part", () => {
    const findings = diagnose(WELL);
    expect(findings.map(({ level }) => level)).toEqual(Array.from({ length: 7 }, () => "ok"));
  });

  test.each(PLANTED)("finds %s and says what mends it", (id, facts, fix) => {
    const found = diagnose({ ...WELL, ...facts }).filter(({ level }) => level !== "ok");
    expect(found.map((one) => one.id)).toContain(id);
    expect(found.find((one) => one.id === id)?.fix).toMatch(fix);
  });

  test.each(PLANTED)("of %s finds nothing else than what was planted", (id, facts) => {
    const found = diagnose({ ...WELL, ...facts }).filter(({ level }) => level !== "ok");
    expect(new Set(found.map((one) => one.id))).toEqual(new Set([id]));
  });

  test("says once that there is no sink, not for each destination that none could look at", () => {
    const unanswered = { clientId: "a", credential: "environment", checks: "unanswered" } as const;
    const findings = diagnose({
      ...WELL,
      ...withServices(SERVICES.detector),
      ...withDestination({ connection: unanswered }),
    });
    expect(findings.filter(({ level }) => level !== "ok").map(({ id }) => id)).toEqual([
      "azure-sink-missing",
    ]);
  });

  test("without NATS says so first, and of the rest what was known before", () => {
    const findings = diagnose({
      ...WELL,
      services: [],
      streams: {},
      server: undefined,
      natsAway: "ECONNREFUSED",
      source: { ...WELL.source, sealed: true },
      destinations: [{ ...DESTINATION, errors: { "value-too-large": 1 } }],
    });
    expect(findings.map(({ id }) => id)).toEqual(["nats-away", "sealed", "value-too-large"]);
  });

  test("tells what works of a connection, purge protection too, and each login's own way back", () => {
    const works = (checks: readonly CheckFinding[]): Partial<Facts> =>
      withDestination({ connection: { clientId: "a", credential: "managed-identity", checks } });
    const findings = diagnose({
      ...WELL,
      ...works([
        { check: "list", ok: true, detail: "secrets can be listed", isCertain: false },
        { check: "purge-protection", ok: true, detail: "on: nobody can purge", isCertain: false },
      ]),
    });
    expect(findings.filter(({ level }) => level !== "ok")).toEqual([]);
    expect(findings.find(({ id }) => id === "connection-ok")?.what).toBe(
      "kv-prod: its connection works (list, purge-protection); purge protection on: nobody can purge",
    );
    const token = works([{ check: "token", ok: false, detail: "no", isCertain: false }]);
    expect(diagnose({ ...WELL, ...token })[0]?.fix).toContain("az identity list");
  });

  test("DOC-1: everything that is found has a fix", () => {
    for (const [, facts] of PLANTED) {
      for (const { level, fix } of diagnose({ ...WELL, ...facts })) expect(fix === "").toBe(level === "ok");
    }
  });
});
