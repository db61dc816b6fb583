// Owns: what can be done to the stand, each with its way back.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { eventually, type Server } from "@keyferry/testkit";
import type { ServiceSlot } from "../stand/service-slot.ts";
import type { Stand } from "../stand/stand.ts";
import { natsRequest } from "../wire/short-calls.ts";
import type { ProxyMode, TcpProxy } from "../wire/tcp-proxy.ts";

export const WEIGHTS = {
  "service-kill": 16,
  "service-pause": 10,
  "service-restart": 6,
  "partition-nats": 8,
  "partition-source": 6,
  "partition-key-vault": 6,
  "nats-kill": 8,
  "nats-pause": 5,
  "nats-step-down": 8,
  "redis-kill-primary": 6,
  "redis-fail-over": 5,
  "redis-pause-primary": 3,
  "source-seal": 5,
  "source-kill": 4,
  "source-pause": 3,
  "key-vault-errors": 8,
  "key-vault-throttled": 5,
  "key-vault-lost-answers": 8,
  "key-vault-slow": 4,
} as const;

export type FaultKind = keyof typeof WEIGHTS;

/** Everything that the faults with one key touch; two of them never overlap. */
export function keyOf(kind: FaultKind, victim: number): string {
  if (kind.startsWith("service-") || kind.startsWith("partition-")) return `service-${victim}`;
  // One NATS node at a time keeps a quorum; what happens without one is the end-to-end tests' subject.
  return kind.slice(0, kind.indexOf("-"));
}

export interface Wish {
  readonly kind: FaultKind;
  /** Chooses among the victims, from 0. */
  readonly victim: number;
  readonly durationMs: number;
  readonly isSilent: boolean;
}

/** Does it, keeps it up for its time, and undoes it. Gives the victim's name. */
export async function perform(stand: Stand, wish: Wish, onVictim: (name: string) => void): Promise<void> {
  const { kind, victim, durationMs } = wish;
  const slot = of(stand.slots, victim);
  const node = of(stand.nats.nodes, victim);
  const mode: ProxyMode = wish.isSilent ? "silent" : "cut";
  switch (kind) {
    case "service-kill":
      onVictim(slot.name);
      await slot.kill();
      await delay(durationMs);
      return slot.bringUp();
    case "service-pause":
      onVictim(slot.name);
      return await pause(slot.service, durationMs);
    case "service-restart":
      onVictim(slot.name);
      return await slot.restart();
    case "partition-nats":
      onVictim(`${slot.name} (${mode})`);
      return await part(slot.links.nats, mode, durationMs);
    case "partition-source":
      onVictim(`${slot.name} (${mode})`);
      return await part(slot.links.source, mode, durationMs);
    case "partition-key-vault": {
      const sinks = stand.slots.filter(({ program }) => program === "azure-sink");
      const sink: ServiceSlot = of(sinks, victim);
      onVictim(`${sink.name} (${mode})`);
      return await part(sink.links.keyVault, mode, durationMs);
    }
    case "nats-kill":
      onVictim(node.name);
      return await killAndStart(node, durationMs);
    case "nats-pause":
      onVictim(node.name);
      return await pause(node, durationMs);
    case "nats-step-down":
      return await stepDown(stand, victim, onVictim);
    case "redis-kill-primary":
    case "redis-pause-primary": {
      const primary = await stand.redis.primary();
      onVictim(`port ${primary.port}`);
      return kind === "redis-kill-primary"
        ? await killAndStart(primary, durationMs)
        : await pause(primary, durationMs);
    }
    case "redis-fail-over":
      onVictim("by Sentinel");
      return await stand.redis.failOver();
    case "source-seal":
      onVictim("openbao");
      await stand.source.expect("PUT", "sys/seal");
      await delay(durationMs);
      return await unseal(stand);
    case "source-kill":
      onVictim("openbao");
      return await killAndStart(stand.openbao, durationMs);
    case "source-pause":
      onVictim("openbao");
      return await pause(stand.openbao, durationMs);
    case "key-vault-errors":
    case "key-vault-throttled":
    case "key-vault-lost-answers":
    case "key-vault-slow":
      onVictim("key-vault");
      return await spoilKeyVault(stand, wish);
  }
}

/** Undoes whatever may be left, so that nothing but time is between the stand and convergence. */
export async function healAll(stand: Stand): Promise<void> {
  await stand.keyVault.control("DELETE", "faults");
  for (const { links } of stand.slots) {
    for (const proxy of [...links.nats, ...links.source, ...links.keyVault]) proxy.set("open");
  }
  await unseal(stand);
}

function of<T>(list: readonly T[], index: number): T {
  const one = list[index % list.length];
  if (one === undefined) throw new RangeError("no victim");
  return one;
}

async function pause(server: Server, durationMs: number): Promise<void> {
  await server.pause();
  await delay(durationMs);
  if (server.pid !== undefined) await server.resume();
}

async function killAndStart(server: Server, durationMs: number): Promise<void> {
  await server.kill();
  await delay(durationMs);
  await server.start();
}

async function part(proxies: readonly TcpProxy[], mode: ProxyMode, durationMs: number): Promise<void> {
  for (const proxy of proxies) proxy.set(mode);
  await delay(durationMs);
  for (const proxy of proxies) proxy.set("open");
}

const STREAMS = ["KV2_EVENTS", "SYNC_DESIRED", "SYNC_RESULTS"] as const;

async function stepDown(stand: Stand, victim: number, onVictim: (name: string) => void): Promise<void> {
  const stream = of(STREAMS, victim);
  onVictim(stream);
  const up = stand.nats.nodes.find(({ pid }) => pid !== undefined);
  if (up !== undefined) await natsRequest(up.port, `$JS.API.STREAM.LEADER.STEPDOWN.${stream}`);
}

/** Unseals as a person does who has the key; nothing happens where it is unsealed. */
async function unseal(stand: Stand): Promise<void> {
  const { unsealKey } = JSON.parse(await readFile(join(stand.openbao.dir, "init.json"), "utf8")) as {
    unsealKey: string;
  };
  await eventually(
    async () => {
      const { status } = await stand.source.call("GET", "sys/health");
      if (status === 503) await stand.source.call("PUT", "sys/unseal", { key: unsealKey });
      return status === 200;
    },
    { what: "OpenBao to be unsealed and active", timeoutMs: 60_000 },
  );
}

const SPOILED = ["set", "update", "delete", "recover", "listVersions"] as const;

async function spoilKeyVault(stand: Stand, { kind, victim, durationMs }: Wish): Promise<void> {
  const status = of([500, 503, 504], victim);
  const rules = {
    "key-vault-errors": { fault: { kind: "error", status }, probability: 0.5 },
    "key-vault-throttled": { fault: { kind: "error", status: 429, code: "Throttled" }, probability: 0.3 },
    "key-vault-lost-answers": {
      fault: { kind: "reset-after" },
      probability: 0.5,
      operations: ["set", "delete"],
    },
    "key-vault-slow": { fault: { kind: "latency", ms: 2_000 }, probability: 0.5 },
  } as const;
  const rule = rules[kind as keyof typeof rules];
  const { id } = (await stand.keyVault.control("POST", "faults", {
    operations: SPOILED,
    ...rule,
    seed: victim,
  })) as {
    id: number;
  };
  await delay(durationMs);
  await stand.keyVault.control("DELETE", `faults/${id}`);
}
