// Owns: what a diagnosis says of one thing.

export interface Finding {
  /** Stable: for scripts and searches. */
  readonly id: string;
  readonly part: "services" | "nats" | "redis" | "source" | "destination" | "secrets" | "clocks";
  readonly level: "ok" | "warning" | "fault";
  readonly what: string;
  /** Empty for `ok`. */
  readonly fix: string;
}
