// Owns: the words in which a run's script is written: one step each, plain data, so that a script can be cut down.
import type { Role } from "../run/launch.ts";

export type Step =
  | { readonly do: "write"; readonly path: string; readonly keys?: readonly string[] }
  | {
      readonly do: "delete" | "undelete" | "destroy";
      readonly path: string;
      /** 0: the latest, 1: the one before. */ readonly back: number;
    }
  | { readonly do: "metadata"; readonly path: string; readonly label: string; readonly deleteAfterS: number }
  | { readonly do: "delete-metadata"; readonly path: string }
  | { readonly do: "save-source" | "restore-source" | "remount-source" }
  | { readonly do: "other-cluster"; readonly forS: number }
  | { readonly do: "set" | "remove"; readonly path: string; readonly destination: string }
  | {
      readonly do: "destination";
      readonly destination: string;
      readonly host: string;
      readonly template: string;
      readonly granularity?: "secret-path" | "secret-key";
    }
  | { readonly do: "purge-destination" | "delete-destination"; readonly destination: string }
  /** A person in the portal: on a name of an association, by its place among all names. */
  | {
      readonly do: "foreign";
      readonly act: "put" | "edit" | "delete" | "purge" | "take" | "remake" | "leave-deleted";
      readonly path: string;
      readonly destination: string;
    }
  /** A person's secret under a name that nobody has claimed yet. */
  | {
      readonly do: "foreign-secret";
      readonly host: string;
      readonly name: string;
      readonly isDeleted?: boolean;
    }
  | { readonly do: "kill"; readonly role: Role; readonly forS: number }
  | { readonly do: "freeze"; readonly role: Role; readonly forS: number }
  | { readonly do: "stop"; readonly role: Role; readonly forS: number }
  | { readonly do: "away"; readonly server: "nats" | "redis" | "source" | "vault"; readonly forS: number }
  | {
      readonly do: "cut";
      readonly role: Role;
      readonly server: "nats" | "redis" | "source" | "vault";
      readonly forS: number;
    }
  | { readonly do: "seal"; readonly forS: number }
  | { readonly do: "standby"; readonly lagMs: number; readonly forS: number }
  | {
      readonly do: "lost-answers";
      readonly server: "nats" | "redis" | "vault";
      readonly chance: number;
      readonly forS: number;
    }
  | {
      readonly do: "slow";
      readonly server: "nats" | "redis" | "source" | "vault";
      readonly chance: number;
      readonly upToS: number;
      readonly forS: number;
    }
  | { readonly do: "vault-errors"; readonly chance: number; readonly forS: number }
  | { readonly do: "vault-denied"; readonly forS: number }
  | { readonly do: "vault-limit"; readonly creates: number; readonly forS: number }
  | {
      readonly do: "soft-delete";
      readonly deletingS: number;
      readonly recoveringS: number;
      readonly forS: number;
    }
  | { readonly do: "fail-over"; readonly lostMs: number }
  | { readonly do: "flush" }
  | { readonly do: "save-stream" | "lose-tail"; readonly stream: string }
  | { readonly do: "lose-stream"; readonly stream: string }
  | { readonly do: "stale-reads"; readonly behindMs: number; readonly forS: number }
  | { readonly do: "hints"; readonly loss: number; readonly copies: number; readonly forS: number };

export interface TimedStep {
  /** Milliseconds since the start. */
  readonly at: number;
  readonly step: Step;
}

/** Everything that decides a run, beside the code. */
export interface Script {
  readonly seed: string;
  readonly sweepIntervalS: number;
  readonly settleIntervalS: number;
  readonly deletesPerHour: number;
  readonly skewMs: Readonly<Record<string, number>>;
  readonly steps: readonly TimedStep[];
  /** From then on nothing goes wrong any more, ms. */
  readonly healAt: number;
}

export function formatStep({ do: what, ...rest }: Step): string {
  const fields = Object.entries(rest).map(
    ([name, value]) => `${name}=${typeof value === "object" ? JSON.stringify(value) : String(value)}`,
  );
  return [what, ...fields].join(" ");
}
