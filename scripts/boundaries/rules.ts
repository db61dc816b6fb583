// Owns: the table of what may import what. The checker (check.ts) knows how; this file is what a person edits when a
// package, an SDK or a pure folder is added. docs/development/architecture.md#direction explains it.

/** Product packages by layer: imports go down only. Layer 2 are adapters, which don't know one another. */
export const LAYERS: Readonly<Record<string, 0 | 1 | 2>> = {
  errors: 0,
  ports: 0,
  contracts: 1,
  naming: 1,
  retry: 1,
  service: 2,
  bus: 2,
  state: 2,
  "vault-client": 2,
  "key-vault": 2,
};

/** Imports within a layer that are meant: names are made of what contracts describe. */
export const SAME_LAYER: Readonly<Record<string, readonly string[]>> = {
  naming: ["contracts"],
};

/** Packages that only tests, `npm start`, benchmarks and scripts may use, and what of ours each may itself import. */
export const TEST_SIDE: Readonly<Record<string, readonly string[]>> = {
  testkit: ["errors", "ports", "key-vault-emulator", "server-binaries"],
  // It and the client share no code: what both misread would pass.
  "key-vault-emulator": ["errors", "ports"],
  "server-binaries": [],
};

/** Outside SDKs that have one home: their types and errors stop there. A pattern ends in `/` or is a whole name. */
export const SDK_HOMES: readonly {
  readonly sdk: string;
  readonly homes: readonly string[];
  readonly inTests: readonly string[];
}[] = [
  { sdk: "@nats-io/", homes: ["packages/bus", "simulator"], inTests: [] },
  { sdk: "ioredis", homes: ["packages/state"], inTests: [] },
  // The emulator is judged by Azure's own client, and benchmarks compare with it.
  { sdk: "@azure/", homes: ["packages/key-vault", "bench"], inTests: ["packages/key-vault-emulator"] },
  { sdk: "undici", homes: ["packages/vault-client"], inTests: [] },
  { sdk: "@opentelemetry/", homes: ["packages/service"], inTests: [] },
  { sdk: "pino", homes: ["packages/service"], inTests: [] },
  { sdk: "prom-client", homes: ["packages/service"], inTests: [] },
  { sdk: "yaml", homes: ["packages/service", "apps/cli"], inTests: ["deploy"] },
  { sdk: "cli-table3", homes: ["apps/cli"], inTests: [] },
  { sdk: "fastify", homes: ["apps/association-service"], inTests: [] },
  { sdk: "@fastify/", homes: ["apps/association-service"], inTests: [] },
  { sdk: "testcontainers", homes: ["packages/testkit"], inTests: [] },
];

/**
 * Folders and files that only compute: no I/O, no clock, no chance. They import layers 0 and 1, each other, and types
 * from their app's ports.ts.
 */
export const PURE: readonly string[] = [
  "apps/association-service/src/destinations/compose-credential.ts",
  "apps/association-service/src/destinations/compose-destination.ts",
  "apps/association-service/src/destinations/compose-network.ts",
  "apps/association-service/src/destinations/compose-policy.ts",
  "apps/association-service/src/destinations/destination-answer.ts",
  "apps/association-service/src/destinations/destination-fields.ts",
  "apps/association-service/src/destinations/given.ts",
  "apps/association-service/src/epoch/next-epoch.ts",
  "apps/association-service/src/gateway/coerce.ts",
  "apps/association-service/src/gateway/envelope.ts",
  "apps/association-service/src/gateway/request-path.ts",
  "apps/association-service/src/operations/adopt/adoption.ts",
  "apps/association-service/src/operations/doctor/diagnose.ts",
  "apps/association-service/src/operations/doctor/diagnose-connection.ts",
  "apps/association-service/src/operations/doctor/finding.ts",
  "apps/association-service/src/operations/history/history-entry.ts",
  "apps/association-service/src/operations/history/history-schemas.ts",
  "apps/association-service/src/operations/plan/plan-change.ts",
  // Types alone, as the app's own ports.ts.
  "apps/association-service/src/operations/ports.ts",
  "apps/association-service/src/operations/replay/path-glob.ts",
  "apps/association-service/src/operations/status/count-destinations.ts",
  "apps/association-service/src/passthrough/kv-write.ts",
  "apps/association-service/src/figures/count-all.ts",
  "apps/association-service/src/pauses/pause-of.ts",
  "apps/association-service/src/permits/held-set.ts",
  "apps/association-service/src/permits/spend.ts",
  "apps/association-service/src/resolve/lane.ts",
  "apps/association-service/src/resolve/resolve.ts",
  "apps/association-service/src/rules/made-association.ts",
  "apps/association-service/src/rules/match-rule.ts",
  "apps/association-service/src/settle/settle.ts",
  "apps/association-service/src/status/status.ts",
  "apps/azure-sink/src/breaker/breaker.ts",
  "apps/azure-sink/src/plan/",
  "apps/azure-sink/src/record/late-checks.ts",
  "apps/azure-sink/src/record/record.ts",
  "apps/change-detector/src/diff/",
  "apps/change-detector/src/hints/line-splitter.ts",
  "apps/change-detector/src/lease/lease.ts",
  "apps/change-detector/src/observe/confirmations.ts",
  "apps/change-detector/src/observe/look-request.ts",
  "apps/azure-sink/src/wish/wish.ts",
  "packages/contracts/src/",
  "packages/naming/src/",
  "packages/retry/src/backoff.ts",
];

/** What pure code may import from outside: schemas and hashes. */
export const PURE_OUTSIDE: readonly string[] = ["zod", "node:crypto", "node:util"];

/** Names that bring time or chance into pure code, by the module they come from. */
export const PURE_FORBIDDEN_NAMES: Readonly<Record<string, readonly string[]>> = {
  "node:crypto": ["randomBytes", "randomUUID", "randomInt", "randomFillSync", "webcrypto", "getRandomValues"],
  "@keyferry/ports": ["systemClock", "systemRandom"],
};

/** Globals that pure code must not touch, as `object.member` or as a function. */
export const PURE_FORBIDDEN_GLOBALS: readonly string[] = [
  "Date.now",
  "Math.random",
  "performance.now",
  "process.env",
  "process.hrtime",
  "crypto.randomUUID",
  "crypto.getRandomValues",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
  "fetch",
];

/** Names on the wire have one builder: text that begins so belongs in that file (and in its package's tests). */
export const WIRE_NAMES: readonly { readonly prefixes: readonly string[]; readonly home: string }[] = [
  {
    prefixes: ["sync.desired", "sync.result", "sync.dlq", "kv2.event", "kv2.hint", "$KV."],
    home: "packages/bus/src/subjects.ts",
  },
  { prefixes: ["keyferry:{"], home: "packages/state/src/keys.ts" },
];

/** Relative imports across packages that are meant: what runs before npm has linked the workspaces. */
export const BEFORE_INSTALL = { from: "scripts/setup/", to: "packages/server-binaries/" };

/** Relative imports across packages that are meant: the simulator starts the services' own code with other parts. */
export const COMPOSES: readonly { readonly from: string; readonly to: string }[] = [
  { from: "simulator/", to: "apps/" },
  { from: "simulator/", to: "packages/bus/src/subjects.ts" },
  { from: "simulator/", to: "packages/ports/src/clock.ts" },
];
