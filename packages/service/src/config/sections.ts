// Owns: what each section of keyferry.yaml may say. Defaults live here and nowhere else; docs/reference/ is generated
// from this file.
import { z } from "zod";
import {
  choice,
  filePath,
  flag,
  list,
  listenAddress,
  secret,
  serverAddress,
  serverUrl,
  socketAddress,
  text,
  wholeNumber,
} from "./fields.ts";

const SERVERS_MAX = 16; // more than the largest NATS cluster that anybody runs
const MOUNTS_MAX = 1_000; // a glob covers many mounts; a list this long is a mistake
const NAMESPACES_MAX = 100; // a glob covers many
const DAY_S = 86_400; // slower than once a day is no longer keeping in step

const caFile = (server: string) =>
  filePath(true, {
    description: `PEM file with the certificate authorities that ${server}'s certificate is checked against, in place of the system's.`,
  });

const probesAt = (port: number) =>
  listenAddress({
    description:
      "Where /healthz, /readyz and /metrics listen. Loopback by default, as /metrics needs no login; port 0 takes any free port.",
    example: `127.0.0.1:${port}`,
  }).prefault(`127.0.0.1:${port}`);

const sourceToken = (variable: string, service: string) =>
  secret({
    description: `Token with which the ${service} reads the source. Its policy is in docs/security.md; a \`file:\` reference is read again at each login.`,
    example: `\${${variable}}`,
  });

const pathOfMount = (value: string) =>
  /^[^\s/%*]+(?:\/[^\s/%*]+)*$/.test(value)
    ? { kind: "ok" as const }
    : {
        kind: "wrong" as const,
        problem: "is not a mount's path",
        fix: "Write the mount's path without a slash at its ends, spaces, '%' or '*'.",
      };

/** A login in place of a token. Which keys a method needs is checked where all of a section is seen (resolve.ts). */
const sourceLogin = (variable: string) =>
  z
    .strictObject({
      method: choice(["approle", "jwt", "kubernetes"], {
        description:
          "How to log in at the source, in place of a token. The token that comes of it is renewed, and revoked at the end.",
        example: "kubernetes",
      }),
      mount: text(
        { description: "The auth method's mount, without `auth/`; the method's name if it is not set." },
        pathOfMount,
      ).exactOptional(),
      role: text({ description: "Role of the methods `jwt` and `kubernetes`." }).exactOptional(),
      jwtFile: filePath(false, {
        description:
          "File with the JWT, read at each login. For `kubernetes` the service account's token if it is not set.",
      }).exactOptional(),
      roleId: text({ description: "Role id of the method `approle`." }).exactOptional(),
      secretId: secret({
        description: "Secret id of the method `approle`; a `file:` reference is read again at each login.",
        example: `\${${variable}}`,
      }).exactOptional(),
    })
    .exactOptional();

export const logSection = z.strictObject({
  level: choice(["debug", "info", "warn", "error"], {
    description:
      "The least severe level that is written. `debug` has a line per message and is meant for hours, not weeks.",
  }).default("info"),
});

export const tracesSection = z.strictObject({
  otlpEndpoint: serverAddress(["https", "http"], {
    description:
      "OpenTelemetry collector that takes traces by OTLP over HTTP, at `/v1/traces` below it. Without it no spans are made; log lines have their trace id all the same.",
    example: "http://127.0.0.1:4318",
    environment: "OTEL_EXPORTER_OTLP_ENDPOINT",
  }).exactOptional(),
  samplePercent: wholeNumber(0, 100, {
    unit: "%",
    description: "Share of traces that are sent. A trace is sent whole or not at all, by all services alike.",
  }).default(100),
});

const sourceName = (value: string) =>
  /^[A-Za-z0-9_-]{1,64}$/.test(value)
    ? { kind: "ok" as const }
    : {
        kind: "wrong" as const,
        problem: "is not a name that fits into a subject",
        fix: "Use 1 to 64 of A-Z, a-z, 0-9, '_' and '-'.",
      };

export const sourceSection = z.strictObject({
  name: text(
    {
      description:
        "The source's name in NATS subjects and in every record. Changing it later makes every secret new: choose it once.",
    },
    sourceName,
  ).default("main"),
  address: serverAddress(["https", "http"], {
    description: "Vault's or OpenBao's address.",
    example: "http://127.0.0.1:8200",
  }),
  namespace: text({
    description: "Namespace that Keyferry works in; empty for the root namespace and where there are none.",
  }).default(""),
  ownMount: text(
    {
      description:
        "Mount of a KVv2 engine that belongs to Keyferry: client secrets and tag keys lie there. It can never be associated.",
    },
    pathOfMount,
  ).default("keyferry"),
  caFile: caFile("the source").exactOptional(),
});

export const natsSection = z.strictObject({
  servers: list(serverAddress(["nats", "tls"], { description: "A server's address." }), SERVERS_MAX, {
    description:
      "NATS servers to connect to; one that answers is enough, the others are found and used when it fails.",
    example: "[nats://127.0.0.1:4222]",
  }),
  user: text({ description: "User to log in with." }).exactOptional(),
  password: secret({ description: "The user's password.", example: "${NATS_PASSWORD}" }).exactOptional(),
  credsFile: filePath(true, {
    description: "Credentials file (JWT and seed), in place of user and password.",
  }).exactOptional(),
  caFile: caFile("NATS").exactOptional(),
  replicas: wholeNumber(1, 5, {
    unit: "copies",
    description:
      "Copies of each stream that the association-service makes: 1 on a single server, 3 in a cluster.",
  }).default(1),
});

export const redisSection = z.strictObject({
  url: secret(
    {
      description:
        "Redis's or Valkey's address; a secret, as it may hold a password. `rediss://` for TLS. With `redis.sentinels` its host is the primary's name.",
      example: "redis://127.0.0.1:6379",
    },
    serverUrl(["redis", "rediss"], { credentials: true, path: true }),
  ),
  caFile: caFile("Redis").exactOptional(),
  sentinels: list(serverAddress(["redis", "rediss"], { description: "A Sentinel's address." }), SERVERS_MAX, {
    description:
      "Sentinels to ask for the primary. The host in `redis.url` is then the primary's name there (`redis://mymaster`); user, password and TLS of `redis.url` are for the primary.",
    example: "[redis://127.0.0.1:26379]",
  }).exactOptional(),
  sentinelPassword: secret({
    description: "Password of the Sentinels, if they ask for one.",
    example: "${REDIS_SENTINEL_PASSWORD}",
  }).exactOptional(),
  cluster: list(serverAddress(["redis", "rediss"], { description: "A node's address." }), SERVERS_MAX, {
    description:
      "Nodes of a Redis Cluster to find the others by, beside the one in `redis.url`, whose user, password and TLS are for all of them.",
    example: "[redis://127.0.0.1:7001]",
  }).exactOptional(),
});

export const changeDetectorSection = z.strictObject({
  listen: probesAt(9401),
  token: sourceToken("KEYFERRY_DETECTOR_TOKEN", "change-detector").exactOptional(),
  auth: sourceLogin("KEYFERRY_DETECTOR_SECRET_ID"),
  hints: z
    .strictObject({
      auditFile: filePath(false, {
        description:
          "Audit log of the source to follow for hints. Without it changes are found by the sweep alone. It need not exist yet.",
      }).exactOptional(),
      auditSocket: z
        .strictObject({
          listen: socketAddress({
            description:
              "Where the source's audit device `socket` connects to, over TCP or, as `unix:/path`, on the same machine. Read docs/operations.md first: a network audit device can stop the source.",
            example: "unix:/run/keyferry/audit.sock",
          }),
        })
        .exactOptional(),
      auditHttp: z
        .strictObject({
          listen: listenAddress({
            description:
              "Where OpenBao's audit device `http` posts to, at any path. Read docs/operations.md first: a network audit device can stop the source.",
            example: "127.0.0.1:9411",
          }),
        })
        .exactOptional(),
      events: z
        .strictObject({
          enabled: flag({
            description:
              "Follow the event stream of Vault Enterprise (1.16 or newer). OpenBao and Vault Community have none.",
          }).default(false),
          namespaces: list(text({ description: "A glob." }), NAMESPACES_MAX, {
            description:
              "Globs over namespaces below the source's own whose events are followed too, as `team-*`.",
          }).exactOptional(),
          redirectHosts: list(text({ description: "A host and port." }), SERVERS_MAX, {
            description:
              "Nodes (`host:port`) that a standby may send the stream to, besides the source's address. The token goes nowhere else.",
            example: "[vault-0.example:8200, vault-1.example:8200]",
          }).exactOptional(),
        })
        .prefault({}),
      manual: z
        .strictObject({
          listen: listenAddress({
            description:
              "Where hints of your own are taken by HTTP: `POST /` with `mount` and `path`. Loopback by default, as it speaks plain HTTP.",
            example: "127.0.0.1:9412",
          }).prefault("127.0.0.1:9412"),
          token: secret({
            description:
              "What a caller has to send as `Authorization: Bearer …`. Needed where `listen` is not a loopback address.",
            example: "${KEYFERRY_HINT_TOKEN}",
          }).exactOptional(),
        })
        .exactOptional(),
    })
    .prefault({}),
  sweep: z
    .strictObject({
      intervalS: wholeNumber(1, DAY_S, {
        unit: "s",
        description:
          "From the end of one look at all secrets to the start of the next: the longest a change without a hint waits. For 10,000 secrets the default is 20 requests on OpenBao every five minutes, and 33 a second on Vault, which has no paged list of metadata.",
      }).default(300),
      pageSize: wholeNumber(1, 5_000, {
        unit: "secrets",
        description:
          "Secrets asked for at a time. Larger pages are fewer requests and more memory at the source.",
      }).default(500),
    })
    .prefault({}),
  mounts: list(text({ description: "A glob." }), MOUNTS_MAX, {
    description: "Globs over the paths of KVv2 mounts to look at; the rest is ignored.",
  }).default(["*"]),
});

const percent = (facts: { description: string }) => wholeNumber(0, 100, { ...facts, unit: "%" });

export const associationServiceSection = z.strictObject({
  listen: probesAt(9402),
  token: sourceToken("KEYFERRY_ASSOCIATION_TOKEN", "association-service").exactOptional(),
  auth: sourceLogin("KEYFERRY_ASSOCIATION_SECRET_ID"),
  api: z
    .strictObject({
      listen: listenAddress({
        description:
          "Where the API (`/v1/sys/sync/…`) listens. Loopback by default: it speaks plain HTTP, put TLS before it.",
        example: "127.0.0.1:8250",
      }).prefault("127.0.0.1:8250"),
    })
    .prefault({}),
  gateway: z
    .strictObject({
      enabled: flag({
        description:
          "Pass every other path of `/v1` through to the source. For development; in production a load balancer parts the paths.",
      }).default(false),
    })
    .prefault({}),
  defaults: z
    .strictObject({
      tenantId: text({
        description: "`tenant_id` of destinations that are created without one.",
        environment: "AZURE_TENANT_ID",
      }).exactOptional(),
      clientId: text({
        description: "`client_id` of destinations that are created without one.",
        environment: "AZURE_CLIENT_ID",
      }).exactOptional(),
      keyVaultUri: text({
        description: "`key_vault_uri` of destinations that are created without one.",
        environment: "KEY_VAULT_URI",
      }).exactOptional(),
    })
    .prefault({}),
  connectionCheck: choice(["refuse", "warn", "off"], {
    description:
      "What follows when a destination is written and a sink finds that its connection does not work. `refuse`: 400 where the credential or the tenant is certainly wrong, a warning in the answer for anything else; `warn`: warnings only; `off`: nobody looks.",
  }).default("refuse"),
  settle: z
    .strictObject({
      intervalS: wholeNumber(1, DAY_S, {
        unit: "s",
        description:
          "From one comparison of all wishes with all outcomes to the next: what mends whatever a message missed (P1).",
      }).default(60),
    })
    .prefault({}),
  deleteBudget: z
    .strictObject({
      perHourMin: wholeNumber(0, 100_000, {
        unit: "deletes",
        description:
          "Source-driven deletes per destination and hour that are allowed however few secrets it holds.",
      }).default(10),
      perHourPercent: percent({
        description:
          "Share of a destination's secrets that may be deleted by the source within an hour; more waits for a person.",
      }).default(10),
      perDayPercent: percent({
        description:
          "The same within a day. 0 for both shares and the minimum holds every source-driven delete.",
      }).default(25),
    })
    .prefault({}),
});

export const azureSinkSection = z.strictObject({
  listen: probesAt(9403),
  token: sourceToken("KEYFERRY_SINK_TOKEN", "azure-sink").exactOptional(),
  auth: sourceLogin("KEYFERRY_SINK_SECRET_ID"),
  concurrency: wholeNumber(1, 256, {
    unit: "writes",
    description:
      "Writes in flight per destination and process. 16 fill Key Vault's 30 creates a second at half a second each.",
  }).default(16),
  azure: z
    .strictObject({
      clientSecret: secret({
        description:
          "Client secret for destinations that name no credential of their own. Better none: use workload identity.",
        environment: "AZURE_CLIENT_SECRET",
      }).exactOptional(),
      federatedTokenFile: filePath(false, {
        description:
          "File with the platform's token (a projected service account token) that is exchanged for one of Azure: for destinations with `credential` workload-identity. Read again for each exchange.",
        environment: "AZURE_FEDERATED_TOKEN_FILE",
      }).exactOptional(),
      requestTimeoutMs: wholeNumber(1_000, 60_000, {
        unit: "ms",
        description:
          "How long one request to Key Vault may take. Locks are held three times as long, so raising it slows recovery.",
      }).default(10_000),
      caFile: caFile("Key Vault").exactOptional(),
      authorityHost: serverAddress(["https"], {
        description: "Where tokens are asked for, in place of the public cloud's.",
      }).exactOptional(),
      emulator: z
        .strictObject({
          address: listenAddress({
            description:
              "Key Vault emulator that every vault's host name is connected to. Only for development: no request reaches Azure.",
            example: "127.0.0.1:8443",
          }),
        })
        .exactOptional(),
    })
    .prefault({}),
  drift: z
    .strictObject({
      intervalS: wholeNumber(60, 7 * DAY_S, {
        unit: "s",
        description:
          "From one look at a whole Key Vault to the next, by one sink per destination. A look is one call for each 25 secrets of the vault.",
      }).default(3_600),
      settledS: wholeNumber(1, 3_600, {
        unit: "s",
        description:
          "How old a write has to be when a look begins, to be compared. A list is read over a while, and the clocks of sinks differ: what is younger is left to the next look.",
      }).default(60),
    })
    .prefault({}),
});
