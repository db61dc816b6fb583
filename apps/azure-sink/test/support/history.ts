// A random history of one pair, played on real servers: what may happen, and how it happens. The judge is model.test.ts.
import { PAUSES_KEY } from "@keyferry/bus";
import type { DestinationPolicy, PausesRecord, SyncCommand } from "@keyferry/contracts";
import { eventually } from "@keyferry/testkit";
import * as fc from "fast-check";
import { Breakers } from "../../src/breaker/breakers.ts";
import type { SinkEvents } from "../../src/events.ts";
import { Pauses } from "../../src/pauses/pauses.ts";
import type { SinkDependencies } from "../../src/ports.ts";
import { systemRandom } from "@keyferry/ports";
import { flushRedis } from "./flush-redis.ts";
import { mortal } from "./mortal.ts";
import { type Pair, type SinkBench, silentEvents } from "./sink-bench.ts";

export const NAMES = ["app", "App", "other"] as const;
const FAULTS = {
  "reset-after": { kind: "reset-after" },
  "reset-before": { kind: "reset-before" },
  "503": { kind: "error", status: 503, code: "ServiceUnavailable" },
  "429": { kind: "error", status: 429, code: "Throttled", retryAfterSeconds: 0.2 },
} as const;

export const SETTINGS = {
  none: {},
  tagged: { "keyferry.tag.zone": "x" },
  disabled: { "keyferry.enabled": "false" },
  dated: { "keyferry.expires": "2030-01-31T12:00:00Z" },
} as const;

/** What the destination does with what is not ours, and with what is not wished; of a whole history. */
export const policies: fc.Arbitrary<DestinationPolicy> = fc.record({
  ownership: fc.constantFrom("refuse", "refuse", "adopt", "overwrite"),
  onDelete: fc.constantFrom("delete", "delete", "disable", "retain"),
  versionPerVersion: fc.boolean(),
  purgeDeleted: fc.boolean(),
});

export type Event =
  /** The source: a new version, or the current one deleted or brought back. */
  | { readonly do: "write" | "delete-version" | "undelete" }
  /** The association. */
  | { readonly do: "remove" | "set" }
  | { readonly do: "rename"; readonly to: (typeof NAMES)[number] }
  | { readonly do: "retag"; readonly team: string }
  /** The secret's own settings, in its custom metadata. */
  | { readonly do: "settings"; readonly settings: keyof typeof SETTINGS }
  /** Somebody pauses everything, and lets it go on. */
  | { readonly do: "pause" | "resume" }
  /** Somebody else makes a certificate, or an ordinary secret, if the name is free. */
  | { readonly do: "intrude" | "squat"; readonly name: "other" | "theirs" }
  | {
      readonly do: "fault";
      readonly fault: keyof typeof FAULTS;
      readonly on: "set" | "delete" | "recover" | "update";
    }
  /** A call stalls in front of its effect, and takes effect when nobody expects it. */
  | { readonly do: "hold"; readonly on: "set" | "delete" | "update" }
  | { readonly do: "land" }
  | { readonly do: "flush-redis" }
  /** A sink takes the newest command, or one from before. */
  | { readonly do: "run"; readonly sink: 0 | 1; readonly age: 0 | 1 }
  | { readonly do: "run-both" }
  | { readonly do: "kill"; readonly step: number; readonly afterEffect: boolean }
  | { readonly do: "wake"; readonly afterMs: number };

const of = <const T extends Event["do"]>(name: T) => fc.constant({ do: name });

export const histories: fc.Arbitrary<Event[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: of("write") },
    { weight: 2, arbitrary: of("delete-version") },
    { weight: 1, arbitrary: of("undelete") },
    { weight: 2, arbitrary: of("remove") },
    { weight: 3, arbitrary: of("set") },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant("rename" as const), to: fc.constantFrom(...NAMES) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant("retag" as const), team: fc.constantFrom("a", "b") }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constantFrom("intrude" as const, "squat" as const),
        name: fc.constantFrom("other", "theirs"),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("settings" as const),
        settings: fc.constantFrom("none", "tagged", "disabled", "dated"),
      }),
    },
    { weight: 1, arbitrary: of("pause") },
    { weight: 2, arbitrary: of("resume") },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant("fault" as const),
        fault: fc.constantFrom("reset-after", "reset-after", "reset-before", "503", "429"),
        on: fc.constantFrom("set", "set", "delete", "recover", "update"),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant("hold" as const),
        on: fc.constantFrom("set", "set", "delete", "update"),
      }),
    },
    { weight: 2, arbitrary: of("land") },
    { weight: 1, arbitrary: of("flush-redis") },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant("run" as const),
        sink: fc.constantFrom(0, 1),
        age: fc.constantFrom(0, 0, 0, 1),
      }),
    },
    { weight: 2, arbitrary: of("run-both") },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant("kill" as const),
        step: fc.integer({ min: 1, max: 8 }),
        afterEffect: fc.boolean(),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant("wake" as const), afterMs: fc.constantFrom(2_000, 20_000) }),
    },
  ),
  { minLength: 6, maxLength: 24 },
);

/** One event as a person reads it. */
export function describeEvent(event: Event): string {
  const { do: what, ...rest } = event;
  return [what, ...Object.entries(rest).map(([name, value]) => `${name}=${String(value)}`)].join(" ");
}

/** What should be in the vault. */
export interface Wished {
  readonly isSet: boolean;
  readonly name: (typeof NAMES)[number];
  readonly team: string;
  readonly settings: keyof typeof SETTINGS;
}

type HoldRule = ReturnType<SinkBench["servers"]["emulator"]["faults"]["add"]>;

interface Published {
  readonly command: SyncCommand;
  readonly sequence: number;
}

/** Plays events and knows what they come to. */
export class History {
  readonly pair: Pair;
  readonly log: string[] = [];
  /** Names that somebody else has taken, with a certificate; and with an ordinary secret. */
  readonly foreign = new Set<string>();
  readonly squatted = new Set<string>();
  /** Changes of the wish that want a version, at most. */
  changes = 0;
  /** Held calls that were let go, and late writes that the sinks found and repaired. */
  landed = 0;
  repaired = 0;
  wished: Wished = { isSet: true, name: "app", team: "a", settings: "none" };
  /** By version: whether it can be read. */
  readonly #versions: boolean[] = [];
  readonly #bench: SinkBench;
  readonly #sinks: readonly SinkDependencies[];
  readonly #published: Published[] = [];
  readonly #held: { readonly operation: string; readonly rule: HoldRule }[] = [];
  readonly #pauses: Pauses;
  #pauseChanged: (record: PausesRecord) => void = () => undefined;
  #lastWish = "";

  constructor(bench: SinkBench, policy: DestinationPolicy = {}) {
    this.#bench = bench;
    this.pair = bench.pair("app", policy);
    this.#pauses = new Pauses({
      view: {
        get: () => undefined,
        onChange: (listener) => {
          this.#pauseChanged = (value) => listener(PAUSES_KEY, { value, sequence: 1, time: 0 });
          return () => undefined;
        },
      },
      later: bench.state.later,
      clock: bench.clock,
    });
    this.#sinks = [this.#sink(), this.#sink()];
  }

  /** The version to be synced; undefined if there should be nothing. */
  get version(): number | undefined {
    const live = this.#versions.lastIndexOf(true);
    return this.wished.isSet && live >= 0 ? live + 1 : undefined;
  }

  valueOf(version: number): string {
    return JSON.stringify({ v: `value-${version}` });
  }

  async play(event: Event): Promise<void> {
    this.log.push(describeEvent(event));
    switch (event.do) {
      case "write":
      case "delete-version":
      case "undelete":
        return this.#changeSource(event.do);
      case "remove":
        return this.#changeWish({ ...this.wished, isSet: false }, "remove");
      case "set":
        return this.#changeWish({ ...this.wished, isSet: true }, "set");
      case "rename":
        return this.#changeWish({ ...this.wished, name: event.to, isSet: true }, "set");
      case "retag":
        return this.#changeWish({ ...this.wished, team: event.team, isSet: true }, "set");
      case "intrude":
        return this.#intrude(event.name);
      case "squat":
        return this.#squat(event.name);
      case "settings":
        return this.#set(event.settings);
      case "pause":
      case "resume":
        return this.#pause(event.do === "pause");
      case "fault":
        this.#bench.servers.emulator.faults.add({
          fault: FAULTS[event.fault],
          operations: [event.on],
          vault: this.pair.vault,
          count: 1,
        });
        return;
      case "hold":
        return this.#hold(event.on);
      case "land":
        return this.#land();
      case "flush-redis":
        return flushRedis(new URL(this.#bench.servers.redis.url));
      case "run":
        return this.#run(this.#sinks[event.sink], event.age);
      case "run-both":
        await Promise.all(this.#sinks.map((sink) => this.#run(sink, 0)));
        return;
      case "kill":
        return this.#run(mortal(this.#sink(), event), 0);
      case "wake":
        this.#bench.advance(event.afterMs);
        return this.#bench.wakeDue(this.#sinks[0]);
    }
  }

  /** Lets faults end and time pass until nothing is under way; asks again as settle does. Gives the last outcome. */
  async settle(): Promise<string> {
    await this.#land();
    this.#pause(false);
    this.#bench.servers.emulator.faults.clear();
    for (let round = 0; round < 6; round += 1) {
      await this.publish("settle");
      await this.#run(this.#sinks[round % 2], 0);
      for (let wakes = 0; wakes < 30; wakes += 1) {
        const { outcome } = await this.#bench.record(this.#newest().command);
        if (outcome?.kind !== "waiting") break;
        this.#bench.advance(Math.max(0, outcome.until - this.#bench.clock.now()));
        await this.#run(this.#sinks[0], 0, true);
      }
      const { outcome, verify } = await this.#bench.record(this.#newest().command);
      const isOver = outcome !== null && outcome.kind !== "waiting" && (verify ?? []).length === 0;
      this.log.push(`settle: ${outcome?.kind}${isOver ? "" : ", not over"}`);
      if (isOver) return outcome.kind;
      // The second looks are due.
      this.#bench.advance(900_000);
    }
    throw new Error("nothing settled");
  }

  /** Publishes what is wished now. */
  async publish(reason: SyncCommand["reason"]): Promise<void> {
    const { isSet, name, team } = this.wished;
    const spec = { ...this.pair.destination.spec, nameTemplate: name, customTags: { team } };
    const isGone = isSet && this.version === undefined;
    const over: Partial<SyncCommand> = isSet
      ? isGone
        ? { op: "unsync", permit: { by: "budget", fingerprint: "f" } }
        : {}
      : { op: "unsync", expect: null, permit: { by: "person" } };
    const command = await this.#bench.command(this.pair, { spec, reason, ...over });
    this.#published.push({ command, sequence: await this.#bench.publish(command) });
    const wish = this.version === undefined ? "" : `${name.toLowerCase()} ${this.version}`;
    if (wish !== this.#lastWish && wish !== "") this.changes += 1;
    this.#lastWish = wish;
  }

  #sink(): SinkDependencies {
    const base = this.#bench.dependencies();
    const parts = { later: base.memory.later, clock: base.clock, random: systemRandom };
    const lateWrite: SinkEvents["lateWrite"] = ({ action, finding }) => {
      this.repaired += 1;
      this.log.push(`    late ${action}: ${finding}`);
    };
    const events = { ...silentEvents, lateWrite };
    return { ...base, events, breakers: new Breakers(parts), pauses: this.#pauses };
  }

  #hold(operation: "set" | "delete" | "update"): void {
    // Two rules that wait for the same call would hold it one after the other.
    if (this.#held.some((one) => one.operation === operation && one.rule.fired === 0)) return;
    const { faults } = this.#bench.servers.emulator;
    const { vault } = this.pair;
    const rule = faults.add({ fault: { kind: "hold" }, operations: [operation], vault, count: 1 });
    this.#held.push({ operation, rule });
  }

  /** Lets every held call go on, and waits until its effect is there. */
  async #land(): Promise<void> {
    const { oracle } = this.#bench.servers.emulator;
    for (const { rule } of this.#held.splice(0)) {
      this.landed += rule.held;
      rule.release();
      rule.remove();
    }
    await eventually(() => oracle.requests({ vault: this.pair.vault, status: 0 }).length === 0, {
      what: "held calls to land",
    });
  }

  #newest(): Published {
    const last = this.#published.at(-1);
    if (last === undefined) throw new Error("nothing was published");
    return last;
  }

  async #changeSource(what: "write" | "delete-version" | "undelete"): Promise<void> {
    const latest = this.#versions.length;
    if (what === "write") {
      await this.#bench.write(this.pair, { v: `value-${latest + 1}` });
      this.#versions.push(true);
    } else if (latest === 0) {
      return;
    } else if (what === "delete-version") {
      await this.#bench.api.deleteSecret("secret", this.pair.path);
      this.#versions[latest - 1] = false;
    } else {
      await this.#bench.api.expect("POST", `secret/undelete/${this.pair.path}`, { versions: [latest] });
      this.#versions[latest - 1] = true;
    }
    await this.publish("source");
  }

  async #changeWish(wished: Wished, reason: "remove" | "set"): Promise<void> {
    this.wished = wished;
    await this.publish(reason);
  }

  async #intrude(name: "other" | "theirs"): Promise<void> {
    const { emulator } = this.#bench.servers;
    if (emulator.state(this.pair.vault).some((secret) => secret.name.toLowerCase() === name)) return;
    emulator.putManaged(this.pair.vault, name, "theirs");
    this.foreign.add(name);
  }

  // Only where nothing is on its way: a write that was sent while the name was free is P3's honest edge.
  async #squat(name: "other" | "theirs"): Promise<void> {
    const { emulator } = this.#bench.servers;
    const isUnderWay =
      this.#held.length > 0 || emulator.oracle.requests({ vault: this.pair.vault, status: 0 }).length > 0;
    if (isUnderWay) return;
    if (emulator.state(this.pair.vault).some((secret) => secret.name.toLowerCase() === name)) return;
    // A fault that waits for the next write may be theirs: what counts is what is there.
    await this.#bench.byHand(this.pair, "theirs", {}, name).catch(() => undefined);
    if (emulator.state(this.pair.vault).some((secret) => secret.name === name)) this.squatted.add(name);
  }

  async #set(settings: Wished["settings"]): Promise<void> {
    const before = this.wished.settings;
    if (this.#versions.length === 0 || before === settings) return;
    await this.#bench.api.expect("POST", `secret/metadata/${this.pair.path}`, {
      custom_metadata: SETTINGS[settings],
    });
    this.wished = { ...this.wished, settings };
    // A date can't be unset by a patch.
    if (before === "dated") this.changes += 1;
    await this.publish("source");
  }

  #pause(isPaused: boolean): void {
    const all = isPaused ? { since: "2026-01-01T00:00:00Z", reason: "" } : null;
    this.#pauseChanged({ major: 1, all, destinations: {}, associations: {} });
  }

  async #run(deps: SinkDependencies | undefined, age: number, isWoken = false): Promise<void> {
    const published = this.#published.at(-1 - age);
    if (published === undefined || deps === undefined) return;
    const end = await this.#bench
      .run(published.command, published.sequence, { deps, isWoken })
      .catch(() => ({ kind: "died" }) as const);
    this.log.push(`    ${end.kind}`);
  }
}
