// The detector's surroundings for a test: a real OpenBao with an audit file, a real NATS, the streams that the
// association-service would make, and the detector as a process.
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { associationKey, type Bus, connectBus } from "@keyferry/bus";
import type { AssociationRecord, SecretKey, SecretRef, VersionEvent } from "@keyferry/contracts";
import { secretKeyOf } from "@keyferry/naming";
import { silentLogger, systemClock, systemRandom } from "@keyferry/ports";
import {
  eventually,
  freePort,
  type NatsServer,
  type OpenBaoServer,
  type Service,
  startNats,
  startOpenBao,
  startService,
  VaultApi,
} from "@keyferry/testkit";
import { detectorPolicy } from "@keyferry/vault-client";

const SOURCE = "main";
const DESTINATION = "abcdefghijklm";
const OWN_MOUNT = "keyferry";
const KEY = Buffer.alloc(32, 7);
export const HINT_TOKEN = "shared";

export interface WorldOptions {
  /** The one channel that brings hints; without any, sweeps alone find changes. */
  readonly hints: "audit-file" | "idle-file" | "audit-tcp" | "audit-unix" | "audit-http" | "manual" | "none";
  readonly sweepIntervalS?: number;
  /** The detector logs in by AppRole, with the printed policy alone, in place of the root token. */
  readonly login?: boolean;
  readonly persistentSource?: boolean;
  /** Gives the address by which the detector reaches the source, from the source's own. */
  readonly through?: (source: string) => string;
}

export interface Published {
  readonly key: SecretKey;
  readonly event: VersionEvent;
  readonly sequence: number;
}

export class World implements AsyncDisposable {
  readonly bao: OpenBaoServer;
  readonly nats: NatsServer;
  readonly bus: Bus;
  readonly detector: Service;
  /** Starts one more for the same source, with another channel if one is named. Stopped with the world. */
  readonly addDetector: (hints?: WorldOptions["hints"]) => Promise<Service>;
  /** All events of the source in the order of the log. */
  readonly events: Published[] = [];

  readonly #detectors: Service[];
  readonly #allowed = ["secret"];

  constructor(parts: {
    bao: OpenBaoServer;
    nats: NatsServer;
    bus: Bus;
    detector: Service;
    startDetector: (hints?: WorldOptions["hints"]) => Promise<Service>;
  }) {
    this.bao = parts.bao;
    this.nats = parts.nats;
    this.bus = parts.bus;
    this.detector = parts.detector;
    this.#detectors = [parts.detector];
    this.addDetector = async (hints) => {
      const added = await parts.startDetector(hints);
      this.#detectors.push(added);
      return added;
    };
  }

  /** Calls `/v1/<path>`; throws unless the answer is a 2xx. */
  async call(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const answer = await fetch(`${this.bao.url}/v1/${path}`, {
      method,
      headers: { "x-vault-token": this.bao.rootToken },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
  }

  write(path: string, mount = "secret"): Promise<unknown> {
    return this.call("POST", `${mount}/data/${path}`, { data: { value: `value of ${path}` } });
  }

  async newMount(name: string): Promise<void> {
    await this.call("POST", `sys/mounts/${name}`, { type: "kv", options: { version: "2" } });
    await eventually(() => this.call("GET", `${name}/config`), { what: `mount ${name} to answer` });
  }

  /** Lets a detector that logs in look at one more mount. */
  async allow(mount: string): Promise<void> {
    this.#allowed.push(mount);
    await writePolicy(new VaultApi(this.bao.url, this.bao.rootToken), this.#allowed);
  }

  async refOf(path: string, mount = "secret"): Promise<SecretRef> {
    const answer = await this.call("GET", `sys/internal/ui/mounts/${mount}`);
    const { accessor } = answer["data"] as { accessor: string };
    return { source: SOURCE, namespace: "", mount, accessor, path };
  }

  /** Associates a secret, as far as the detector can see. */
  async associate(path: string, mount = "secret"): Promise<void> {
    const secret = await this.refOf(path, mount);
    const secretKey = secretKeyOf(KEY, secret);
    const now = new Date().toISOString();
    const record: AssociationRecord = {
      major: 1,
      uid: "bcdefghijklmn",
      state: "active",
      destination: DESTINATION,
      secretKey,
      secret,
      spec: { granularity: "secret-path", nameTemplate: "x", customTags: {} },
      createdAt: now,
      updatedAt: now,
    };
    await this.bus.associations.put(associationKey(DESTINATION, secretKey), record, 0);
  }

  /** Asks the detector to look, as the resolver does. */
  ask(path: string, mount = "secret"): void {
    this.bus.hints.publish(SOURCE, {
      major: 1,
      namespace: "",
      mount,
      path,
      operation: "look",
      channel: "resolver",
    });
  }

  eventsOf(path: string, mount = "secret"): VersionEvent[] {
    return this.events
      .map(({ event }) => event)
      .filter(({ secret }) => secret.path === path && secret.mount === mount);
  }

  /** Waits until the last event of a secret is as wished. */
  async last(path: string, until: (event: VersionEvent) => boolean, mount = "secret"): Promise<VersionEvent> {
    return eventually(
      () => {
        const event = this.eventsOf(path, mount).at(-1);
        return event !== undefined && until(event) ? event : undefined;
      },
      { what: `the last event of ${mount}/${path}`, timeoutMs: 60_000 },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#detectors.map((detector) => detector.stop()));
    await this.bus.close();
    await Promise.all([this.nats.stop(), this.bao.stop()]);
  }
}

/** The event's state has this current version. */
export function currentIs(current: number): (event: VersionEvent) => boolean {
  return ({ state }) => state.kind === "present" && state.current === current;
}

/** The event's state has this version, live or dead. */
export function versionIs(version: number, how: "live" | "dead"): (event: VersionEvent) => boolean {
  return ({ state }) => {
    const found = state.kind === "present" ? state.versions[String(version)] : undefined;
    return found !== undefined && found.live === (how === "live");
  };
}

export function isGone({ state }: VersionEvent): boolean {
  return state.kind === "gone";
}

/** Shows the owner that the tests set as custom metadata. */
export function ownerIs(owner: string): (event: VersionEvent) => boolean {
  return ({ state }) => state.kind === "present" && state.customMetadata["owner"] === owner;
}

export async function startWorld(options: WorldOptions): Promise<World> {
  const device = await deviceOf(options.hints);
  const [bao, nats] = await Promise.all([
    startOpenBao({ persistent: options.persistentSource === true, config: device.stanza }),
    startNats(),
  ]);
  const bus = await openBus(nats);
  const entry = await entryOf(bao, options.login === true);
  const startDetector = async (hints = options.hints): Promise<Service> => {
    const healthPort = await freePort();
    const configFile = join(bao.dir, `keyferry-${healthPort}.yaml`);
    await writeFile(configFile, configOf(bao, nats, healthPort, { ...options, hints }, { device, entry }));
    return startService("change-detector", {
      configFile,
      healthPort,
      env: entry.env,
    });
  };
  const detector = await startDetector();
  const world = new World({ bao, nats, bus, detector, startDetector });
  await bus.events.consume(
    async ({ key, entry }) => {
      world.events.push({ key, event: entry.value, sequence: entry.sequence });
      return { kind: "ack" };
    },
    { concurrency: 1 },
  );
  return world;
}

export async function openBus(nats: NatsServer): Promise<Bus> {
  const bus = await connectBus({
    servers: [nats.url],
    name: "test",
    logger: silentLogger,
    clock: systemClock,
    random: systemRandom,
  });
  await eventually(() => bus.provision().then(() => true), { what: "the streams to be made" });
  await bus.instance.put(
    "instance",
    {
      major: 1,
      instanceId: "abcdefghijklm",
      secretKeyKey: KEY.toString("base64"),
      createdAt: new Date().toISOString(),
    },
    0,
  );
  return bus;
}

/** How the detector gets into the source. */
interface Entry {
  readonly keys: Record<string, unknown>;
  readonly env: Record<string, string>;
}

async function entryOf(bao: OpenBaoServer, login: boolean): Promise<Entry> {
  if (!login) {
    return {
      keys: { token: "${KEYFERRY_DETECTOR_TOKEN}" },
      env: { KEYFERRY_DETECTOR_TOKEN: bao.rootToken },
    };
  }
  const root = new VaultApi(bao.url, bao.rootToken);
  await writePolicy(root, ["secret"]);
  await root.expect("POST", "sys/auth/approle", { type: "approle" });
  await root.expect("POST", "auth/approle/role/detector", { token_policies: ["detector"], token_ttl: "3s" });
  const { role_id: roleId } = await root.expect("GET", "auth/approle/role/detector/role-id");
  const { secret_id: secretId } = await root.expect("POST", "auth/approle/role/detector/secret-id", {});
  return {
    keys: { auth: { method: "approle", roleId, secretId: "${KEYFERRY_DETECTOR_SECRET_ID}" } },
    env: { KEYFERRY_DETECTOR_SECRET_ID: String(secretId) },
  };
}

async function writePolicy(root: VaultApi, mounts: readonly string[]): Promise<void> {
  const policy = detectorPolicy({ flavour: "openbao", mounts });
  await root.expect("PUT", "sys/policies/acl/detector", { policy });
}

/** A network audit device at the source, and what the detector has to listen on for it. */
interface Device {
  readonly stanza: string;
  readonly hints: Record<string, unknown>;
}

async function deviceOf(hints: WorldOptions["hints"]): Promise<Device> {
  const at = `127.0.0.1:${await freePort()}`;
  const stanza = (type: string, options: Record<string, string>): string => {
    // As docs/operations.md says: no test entry, so that the source comes up without the detector.
    const all = { ...options, skip_test: "true", hmac_accessor: "false", elide_list_responses: "true" };
    const lines = Object.entries(all).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
    return `audit "${type}" "detector" {\n options {\n${lines.join("\n")}\n }\n}`;
  };
  switch (hints) {
    case "audit-tcp":
      return {
        stanza: stanza("socket", { address: at, socket_type: "tcp" }),
        hints: { auditSocket: { listen: at } },
      };
    case "audit-unix": {
      const path = join(tmpdir(), `keyferry-${randomUUID()}.sock`);
      return {
        stanza: stanza("socket", { address: path, socket_type: "unix" }),
        hints: { auditSocket: { listen: `unix:${path}` } },
      };
    }
    case "audit-http":
      return {
        stanza: stanza("http", { uri: `http://${at}/audit` }),
        hints: { auditHttp: { listen: at } },
      };
    case "manual":
      return { stanza: "", hints: { manual: { listen: at, token: HINT_TOKEN } } };
    case "audit-file":
    case "idle-file":
    case "none":
      return { stanza: "", hints: {} };
    default:
      return hints satisfies never;
  }
}

/** YAML takes JSON. */
function configOf(
  bao: OpenBaoServer,
  nats: NatsServer,
  healthPort: number,
  options: WorldOptions,
  { device, entry }: { device: Device; entry: Entry },
): string {
  return JSON.stringify({
    log: { level: "debug" },
    source: { name: SOURCE, address: options.through?.(bao.url) ?? bao.url, ownMount: OWN_MOUNT },
    nats: { servers: [nats.url] },
    changeDetector: {
      listen: `127.0.0.1:${healthPort}`,
      ...entry.keys,
      hints: fileHints(bao, options.hints) ?? device.hints,
      sweep: { intervalS: options.sweepIntervalS ?? 3_600, pageSize: 3 },
      mounts: ["*"],
    },
  });
}

/** `idle-file`: the audit file of a node that serves nobody. */
function fileHints(bao: OpenBaoServer, hints: WorldOptions["hints"]): Record<string, unknown> | undefined {
  if (hints === "audit-file") return { auditFile: bao.auditFile };
  return hints === "idle-file" ? { auditFile: `${bao.auditFile}.idle` } : undefined;
}
