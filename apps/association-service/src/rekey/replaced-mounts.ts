// Owns: which mounts took the place of others, by a person's word (O20), as this process sees it.

import type { SecretRef, SourceConfirmation } from "@keyferry/contracts";
import type { TableView } from "../ports.ts";

type MountConfirmation = Extract<SourceConfirmation, { kind: "mount" }>;
type Standing = Pick<SecretRef, "namespace" | "mount" | "accessor">;

export class ReplacedMounts {
  readonly #view: TableView<SourceConfirmation>;
  readonly #source: string;
  readonly #gone = new Set<string>();

  constructor(view: TableView<SourceConfirmation>, source: string) {
    this.#view = view;
    this.#source = source;
    this.#rebuild();
    view.onChange(() => this.#rebuild());
  }

  caughtUp(signal?: AbortSignal): Promise<void> {
    return this.#view.caughtUp(signal);
  }

  onChange(listener: () => void): void {
    this.#view.onChange(listener);
  }

  /** True for what stood at this path before the mount that stands there now. */
  has({ namespace, mount, accessor }: Standing): boolean {
    return this.#gone.has(keyOf(namespace, mount, accessor));
  }

  /** Every confirmation about a mount of the source. */
  *all(): Generator<MountConfirmation> {
    for (const [, { value }] of this.#view.entries()) {
      if (value.kind === "mount" && value.source === this.#source) yield value;
    }
  }

  #rebuild(): void {
    this.#gone.clear();
    for (const { namespace, mount, from } of this.all()) this.#gone.add(keyOf(namespace, mount, from));
  }
}

function keyOf(namespace: string, mount: string, accessor: string): string {
  return `${namespace}\u0000${mount}\u0000${accessor}`;
}
