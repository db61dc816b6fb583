// Owns: which mounts associations name, kept up to date entry by entry, as it is asked for with each hint.
import type { View } from "@keyferry/bus";
import type { AssociationRecord } from "@keyferry/contracts";
import type { AssociatedMount, AssociatedMounts, MountAddress } from "../ports.ts";

type AssociationView = Pick<View<AssociationRecord>, "entries" | "onChange">;

/** The mounts of the active associations of one source. Follows the view for as long as that follows its bucket. */
export function associatedMounts(view: AssociationView, source: string): AssociatedMounts {
  const index = new MountIndex();
  const mountOf = (record: AssociationRecord | undefined): AssociatedMount | undefined => {
    if (record?.state !== "active" || record.secret.source !== source) return undefined;
    const { namespace, mount, accessor } = record.secret;
    return { namespace, mount, accessor };
  };
  for (const [key, { value }] of view.entries()) index.set(key, mountOf(value));
  const listeners = new Set<(mount: MountAddress) => void>();
  view.onChange((key, entry) => {
    const added = index.set(key, mountOf(entry?.value));
    if (added !== undefined) for (const listener of listeners) listener(added);
  });
  return {
    list: () => index.mounts,
    onAdded(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

class MountIndex {
  readonly #ofKey = new Map<string, string>();
  readonly #counted = new Map<string, { readonly at: AssociatedMount; count: number }>();
  #list: readonly AssociatedMount[] | undefined;

  get mounts(): readonly AssociatedMount[] {
    this.#list ??= [...this.#counted.values()].map(({ at }) => at);
    return this.#list;
  }

  /** What an association names now. Gives the mount if nothing else named it. */
  set(key: string, at: AssociatedMount | undefined): AssociatedMount | undefined {
    const before = this.#ofKey.get(key);
    const id = at && JSON.stringify([at.namespace, at.mount, at.accessor]);
    if (before === id) return undefined;
    if (before !== undefined) this.#drop(before);
    if (id === undefined || at === undefined) {
      this.#ofKey.delete(key);
      return undefined;
    }
    this.#ofKey.set(key, id);
    const counted = this.#counted.get(id);
    if (counted !== undefined) {
      counted.count += 1;
      return undefined;
    }
    this.#counted.set(id, { at, count: 1 });
    this.#list = undefined;
    return at;
  }

  #drop(id: string): void {
    const counted = this.#counted.get(id);
    if (counted === undefined) return;
    counted.count -= 1;
    if (counted.count > 0) return;
    this.#counted.delete(id);
    this.#list = undefined;
  }
}
