// A sink that dies at a chosen step: from then on nothing it does reaches NATS, the source or a vault. What was under
// way may have had its effect, or not. Its locks go with it here; that a lease ends by itself is packages/state's test.
import type { Destinations, SinkDependencies, VaultWriter } from "../../src/ports.ts";

/** How it dies: before the step's effect, or after it and without the answer. */
export interface Death {
  readonly step: number;
  readonly afterEffect: boolean;
}

export function mortal(deps: SinkDependencies, death: Death): SinkDependencies {
  let steps = 0;
  async function step<T>(work: () => Promise<T>): Promise<T> {
    steps += 1;
    const isDying = steps === death.step;
    if (steps > death.step || (isDying && !death.afterEffect)) throw new Error("killed");
    const result = await work();
    if (isDying) throw new Error("killed");
    return result;
  }
  const { results, source, destinations } = deps;
  return {
    ...deps,
    results: {
      last: (...args) => step(() => results.last(...args)),
      append: (...args) => step(() => results.append(...args)),
    },
    source: {
      readMetadata: (...args) => step(() => source.readMetadata(...args)),
      readVersion: (...args) => step(() => source.readVersion(...args)),
    },
    destinations: mortalDestinations(destinations, step),
  };
}

type Step = <T>(work: () => Promise<T>) => Promise<T>;

function mortalDestinations(destinations: Destinations, step: Step): Destinations {
  return {
    async open(uid, signal) {
      const opened = await destinations.open(uid, signal);
      return opened && { record: opened.record, vault: mortalVault(opened.vault, step) };
    },
  };
}

function mortalVault(vault: VaultWriter, step: Step): VaultWriter {
  return {
    vaultHost: vault.vaultHost,
    prime: (...args) => vault.prime(...args),
    put: (...args) => step(() => vault.put(...args)),
    patch: (...args) => step(() => vault.patch(...args)),
    delete: (...args) => step(() => vault.delete(...args)),
    recover: (...args) => step(() => vault.recover(...args)),
    purge: (...args) => step(() => vault.purge(...args)),
    versions: (...args) => step(() => vault.versions(...args)),
    compare: (...args) => step(() => vault.compare(...args)),
    deleted: (...args) => step(() => vault.deleted(...args)),
    list: (...args) => vault.list(...args),
    listDeleted: (...args) => vault.listDeleted(...args),
  };
}
