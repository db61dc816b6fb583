// Owns: doing a step in the world. What has a duration undoes itself. Steps that can't be done now (nothing to delete,
// no API up) do nothing: a script that is cut down stays a script.
import type { DestinationRecord } from "@keyferry/contracts";
import type { ApiParts } from "../../../apps/association-service/src/gateway/call.ts";
import { hintSubject } from "../../../packages/bus/src/subjects.ts";
import { canaryValue, CANARY } from "../oracle/canary.ts";
import { nameOf } from "../oracle/wishes.ts";
import { type Processes, ROLES } from "../run/launch.ts";
import type { Operation } from "../servers/source.ts";
import { isMatch } from "../servers/messages.ts";
import { world } from "../world.ts";
import { formatStep, type Step } from "./steps.ts";

export const MOUNT = "kv";
const OTHER_CLUSTER = "cluster-other";
const RETRY_MS = 2_000;
const TRIES_MAX = 30;

export class Performer {
  readonly #processes: Processes;
  #writes = 0;
  /** Counts overlapping faults, so that the end of one does not end another. */
  readonly #undo = new Map<object, () => void>();

  constructor(processes: Processes) {
    this.#processes = processes;
  }

  perform(step: Step): void {
    const { history, source, redis, nats, network, faults, vaults, oracle } = world();
    history.note("SCRIPT", () => formatStep(step));
    const processes = this.#processes;
    switch (step.do) {
      case "write": {
        this.#writes += 1;
        const write = this.#writes;
        const keys = step.keys ?? ["value"];
        source.write(
          MOUNT,
          step.path,
          JSON.stringify(Object.fromEntries(keys.map((key) => [key, canaryValue(write, key)]))),
        );
        return;
      }
      case "delete":
      case "undelete":
      case "destroy": {
        const mount = source.mounts.get(MOUNT);
        const current = mount === undefined ? 0 : (source.now(mount, step.path)?.current ?? 0);
        return source.change(MOUNT, step.path, current - step.back, step.do);
      }
      case "metadata":
        return source.setMetadata(MOUNT, step.path, { label: step.label }, step.deleteAfterS * 1_000);
      case "delete-metadata":
        return source.deleteMetadata(MOUNT, step.path);
      case "save-source":
        if (source.clusterId !== OTHER_CLUSTER) source.save();
        return;
      case "restore-source":
        if (source.clusterId !== OTHER_CLUSTER) source.restore();
        return;
      case "remount-source":
        if (source.clusterId === OTHER_CLUSTER) return;
        source.disable(MOUNT);
        source.enable(MOUNT);
        return;
      case "other-cluster": {
        const before = source.clusterId;
        if (before === OTHER_CLUSTER) return;
        const mounts = new Map(source.mounts);
        source.clusterId = OTHER_CLUSTER;
        // A fresh server at the same address: the mount is there, with another accessor or with the same and no secrets.
        const mount = source.mounts.get(MOUNT);
        if (mount !== undefined) source.mounts.set(MOUNT, { accessor: mount.accessor, secrets: new Map() });
        return this.#after(step.forS, () => {
          source.clusterId = before;
          for (const [path, one] of mounts) source.mounts.set(path, one);
        });
      }
      case "set":
      case "remove":
      case "destination":
      case "purge-destination":
      case "delete-destination":
        return this.#ask(step, 1);
      case "foreign":
        return actAsForeigner(step);
      case "foreign-secret":
        vaults.put(step.host, step.name, { value: "a person's own", tags: {} }, "foreign");
        if (step.isDeleted === true) vaults.delete(step.host, step.name, "foreign");
        return;
      case "kill":
        processes.kill(step.role);
        return this.#after(step.forS, () => processes.start(step.role));
      case "freeze":
        processes.freeze(step.role);
        return this.#after(step.forS, () => processes.thaw(step.role));
      case "stop":
        processes.stop(step.role);
        return this.#after(step.forS + 11, () => processes.start(step.role));
      case "away":
        network.routes[step.server].isAway = true;
        return this.#during(network.routes[step.server], step.forS, () => {
          network.routes[step.server].isAway = false;
        });
      case "cut": {
        const what = `${step.role}:${step.server}`;
        network.cut.add(what);
        return this.#after(step.forS, () => network.cut.delete(what));
      }
      case "seal":
        source.isSealed = true;
        return this.#after(step.forS, () => {
          source.isSealed = false;
        });
      case "standby":
        Object.assign(source, { standbyChance: 0.4, standbyLagMs: step.lagMs });
        return this.#after(step.forS, () => Object.assign(source, { standbyChance: 0 }));
      case "lost-answers":
        network.routes[step.server].lost = step.chance;
        return this.#after(step.forS, () => {
          network.routes[step.server].lost = 0;
        });
      case "slow":
        Object.assign(network.routes[step.server], { slow: step.chance, slowMs: step.upToS * 1_000 });
        return this.#after(step.forS, () => Object.assign(network.routes[step.server], { slow: 0 }));
      case "vault-errors":
        faults.vaultErrors = step.chance;
        return this.#after(step.forS, () => {
          faults.vaultErrors = 0;
        });
      case "vault-denied":
        faults.isDenied = true;
        return this.#after(step.forS, () => {
          faults.isDenied = false;
        });
      case "vault-limit":
        vaults.createLimit = step.creates;
        return this.#after(step.forS, () => {
          vaults.createLimit = 300;
        });
      case "soft-delete":
        vaults.delays = {
          deletingMs: step.deletingS * 1_000,
          readableMs: 1_000,
          recoveringMs: step.recoveringS * 1_000,
        };
        return this.#after(step.forS, () => {
          vaults.delays = { deletingMs: 5_000, readableMs: 1_000, recoveringMs: 10_000 };
        });
      case "fail-over":
        redis.failOver(step.lostMs);
        return;
      case "flush":
        return redis.flush();
      case "save-stream":
        return nats.streams.get(step.stream)?.save();
      case "lose-tail": {
        const lost = nats.streams.get(step.stream)?.loseTail() ?? 0;
        if (lost > 0) this.#streamLost();
        history.note("SCRIPT", () => `${lost} messages lost`);
        return;
      }
      case "lose-stream":
        nats.remove(step.stream);
        return this.#streamLost();
      case "stale-reads":
        network.staleReadMs = step.behindMs;
        return this.#after(step.forS, () => {
          network.staleReadMs = 0;
        });
      case "hints":
        Object.assign(network, { hintLoss: step.loss, hintCopies: step.copies });
        return this.#after(step.forS, () => Object.assign(network, { hintLoss: 0, hintCopies: 0 }));
      default:
        oracle.breach("P1", "the script has an unknown step");
    }
  }

  /** Everything that was done to the world is undone, and every process runs. */
  heal(): void {
    const { network, source, faults, vaults, history } = world();
    history.note("SCRIPT", () => "all heals");
    for (const route of Object.values(network.routes))
      Object.assign(route, { isAway: false, lost: 0, slow: 0 });
    network.cut.clear();
    Object.assign(network, { staleReadMs: 0, hintLoss: 0, hintCopies: 0 });
    Object.assign(source, { isSealed: false, standbyChance: 0 });
    Object.assign(faults, { vaultErrors: 0, isDenied: false });
    vaults.createLimit = 300;
    vaults.delays = { deletingMs: 5_000, readableMs: 1_000, recoveringMs: 10_000 };
    for (const undo of this.#undo.values()) undo();
    this.#undo.clear();
    for (const role of ROLES) {
      this.#processes.thaw(role);
      this.#processes.start(role);
    }
  }

  #streamLost(): void {
    const { oracle } = world();
    oracle.hasLostStreams = true;
    oracle.edge("stream-lost");
    oracle.names.allowOneMoreEach();
  }

  #during(_what: object, forS: number, undo: () => void): void {
    this.#after(forS, undo);
  }

  #after(forS: number, undo: () => void): void {
    const token = {};
    this.#undo.set(token, undo);
    world().scheduler.after(forS * 1_000, undefined, () => {
      if (this.#undo.delete(token)) undo();
    });
  }

  // A person's request goes to one of the APIs, and again a little later if nobody takes it.
  #ask(
    step: Extract<
      Step,
      { do: "set" | "remove" | "destination" | "purge-destination" | "delete-destination" }
    >,
    tried: number,
  ): void {
    const { apis, scheduler, random, history } = world();
    const again = (why: string): void => {
      history.note("person", () => `${formatStep(step)}: ${why}`);
      if (tried < TRIES_MAX) scheduler.after(RETRY_MS, undefined, () => this.#ask(step, tried + 1));
    };
    const ready = [...apis].filter(([process]) => !process.isDead && !process.isStopped);
    if (ready.length === 0) return again("no API is there");
    const [process, parts] = random.split(`person ${scheduler.now} ${tried}`).pick(ready);
    scheduler.after(5, process, () => {
      const call = async (): Promise<void> => request(step, parts() as ApiParts);
      call().then(
        () => undefined,
        (error: unknown) => {
          const { status = 503, code } = error as { status?: number; code?: string };
          const text = `${String(status)} ${code ?? ""} ${error instanceof Error ? error.message : ""}`;
          if (code !== undefined || status >= 500) again(text);
          else history.note("person", () => `${formatStep(step)}: ${text}`);
        },
      );
    });
  }
}

async function request(
  step: Extract<Step, { do: "set" | "remove" | "destination" | "purge-destination" | "delete-destination" }>,
  parts: ApiParts,
): Promise<void> {
  const identity = { namespace: "", type: "azure-kv" as const, name: step.destination };
  if (step.do === "destination") {
    await parts.destinationWriter.write(identity, {
      mode: "replace",
      fields: {
        key_vault_uri: `https://${step.host}`,
        tenant_id: "11111111-1111-4111-8111-111111111111",
        client_id: "client",
        client_secret: `${CANARY}0-client-secret`,
        secret_name_template: step.template,
        granularity: step.granularity ?? "secret-path",
      },
    });
    return;
  }
  if (!("path" in step)) {
    const { destinationWriter } = parts;
    return step.do === "purge-destination"
      ? destinationWriter.purge(identity)
      : destinationWriter.delete(identity);
  }
  const destination = await parts.associationWriter.activeDestination(identity);
  if (step.do === "remove") {
    await parts.associationWriter.remove(destination.value, MOUNT, step.path);
    return;
  }
  const secret = await parts.secretFinder.find({ namespace: "" }, { mount: MOUNT, path: step.path }, true);
  await parts.associationWriter.set(identity, destination, secret);
}

function actAsForeigner({ act, path, destination: name }: Extract<Step, { do: "foreign" }>): void {
  const { oracle, vaults } = world();
  const found = oracle.wishes
    .associations()
    .find(
      ([, record]) =>
        record.secret.path === path && oracle.wishes.destination(record.destination)?.name === name,
    );
  if (found === undefined) return;
  const [, association] = found;
  const destination: DestinationRecord | undefined = oracle.wishes.destination(association.destination);
  const host = oracle.wishes.hostOf(association.destination);
  const external = nameOf(
    association,
    destination,
    association.spec.granularity === "secret-key" ? "user" : undefined,
  );
  if (host === undefined || external === undefined) return;
  const content = { value: "a person's own", tags: {} };
  const secret = vaults.find(host, external);
  try {
    if (act === "put" && secret === undefined) vaults.put(host, external, content, "foreign");
    if (act === "edit" && secret !== undefined) vaults.put(host, external, content, "foreign");
    if (act === "delete" && secret !== undefined) vaults.delete(host, external, "foreign");
    if (act === "remake" && secret !== undefined) remake(host, external, 0);
    if (act === "leave-deleted" && secret === undefined) {
      vaults.put(host, external, content, "foreign");
      vaults.delete(host, external, "foreign");
    }
    if ((act === "purge" || act === "take") && secret !== undefined) {
      if (vaults.phaseOf(secret) === "deleted") vaults.purge(host, external, "foreign");
      if (act === "take") vaults.put(host, external, content, "foreign");
    }
  } catch {
    // A conflict: the portal would show an error.
  }
}

const REMAKE_TRIES = 40;

// Deletes what is there, purges it as soon as that can be done, and makes it anew, as a person does who wants it clean.
function remake(host: string, name: string, tried: number): void {
  const { vaults, scheduler } = world();
  const secret = vaults.find(host, name);
  try {
    if (secret === undefined) {
      vaults.put(host, name, { value: "a person's own", tags: {} }, "foreign");
      return;
    }
    if (vaults.phaseOf(secret) === "active") vaults.delete(host, name, "foreign");
    if (vaults.phaseOf(secret) === "deleted") vaults.purge(host, name, "foreign");
  } catch {
    // Being deleted, or being recovered: a moment later.
  }
  if (tried < REMAKE_TRIES)
    scheduler.after(1_000, undefined, () => {
      remake(host, name, tried + 1);
    });
}

/** What an audit device tells of a change: a hint on core NATS, at most once. */
export function hintOf(change: {
  mount: string;
  path: string;
  operation: Operation;
  version?: number;
}): void {
  if (change.mount !== MOUNT) return;
  const { nats, network, scheduler } = world();
  const subject = hintSubject("main");
  const data = Buffer.from(
    JSON.stringify({
      major: 1,
      namespace: "",
      mount: change.mount,
      path: change.path,
      operation: change.operation,
      channel: "audit-file",
      ...(change.version === undefined ? {} : { minVersion: change.version }),
      committedAt: Math.floor(scheduler.now),
    }),
  );
  scheduler.after(network.latency("nats"), undefined, () => {
    if (network.routes.nats.isAway || network.chanceOfLoss("nats")) return;
    for (const subscription of nats.subscriptions)
      if (isMatch(subscription.subject, subject)) subscription.deliver(data);
  });
}
