// Owns: the sink's answer to what lies in a vault under names that are not ours yet, for plans and adoptions: the sink
// alone can look, and alone may compare values, of which only the verdict leaves it (P5). Changes nothing.
import { policyOf, type SeenName, type VaultLookReply, type VaultLookRequest } from "@keyferry/contracts";
import { KeyferryError, toKeyferryError } from "@keyferry/errors";
import { createKeyVault } from "@keyferry/key-vault";
import { Grant } from "../apply/attempt.ts";
import { judgeTags, type Ownership } from "../apply/ownership.ts";
import type { VaultWriter } from "../ports.ts";
import { clientOptions, type ClientParts } from "../vaults/client-options.ts";
import { lookAtName, type LookDependencies, type Looker, settled, told } from "./look-at-name.ts";
import { lookAtPair } from "./look-at-pair.ts";

type NamesRequest = Extract<VaultLookRequest, { kind: "names" }>;
type PairsRequest = Extract<VaultLookRequest, { kind: "pairs" }>;

// So that the answer is on its way before nobody waits for it any more.
const MARGIN_MS = 500;
const WAIT_MS_MAX = 60_000;
/** More names than this, and one list of the whole vault costs less than a look at each. */
const NAMES_ONE_BY_ONE = 50;
const AT_ONCE = 8;

/** Looks within the time that it is waited for. Never rejects. */
export async function lookAtVault(
  request: VaultLookRequest,
  deps: LookDependencies,
  parts: ClientParts,
): Promise<VaultLookReply> {
  const limitMs = Math.max(MARGIN_MS, Math.min(request.waitMs, WAIT_MS_MAX) - MARGIN_MS);
  const signal = AbortSignal.timeout(limitMs);
  try {
    return request.kind === "names"
      ? await lookAtNames(request, deps, parts, signal)
      : await lookAtPairs(request, deps, signal);
  } catch (thrown) {
    const { message, advice, code } = toKeyferryError(thrown);
    const why = signal.aborted ? "Key Vault did not answer in time" : `${message}. ${advice}`;
    return { major: 1, names: [], notLooked: [], failure: `${code}: ${why}` };
  }
}

async function lookAtNames(
  { destination, connection, rateGroup, names }: NamesRequest,
  deps: LookDependencies,
  parts: ClientParts,
  signal: AbortSignal,
): Promise<VaultLookReply> {
  const credential = await parts.credentials.of(destination, connection, signal);
  await using vault = createKeyVault(clientOptions(parts, connection, credential));
  const looker = lookerFor(vault, rateGroup, deps, signal);
  const seen =
    names.length > NAMES_ONE_BY_ONE
      ? await lookInLists(looker, names)
      : await each(names, ({ name, association }) => lookAtName(looker, name, association));
  return { major: 1, names: seen, notLooked: [], failure: null };
}

async function lookAtPairs(
  { uid, pairs, compare }: PairsRequest,
  deps: LookDependencies,
  signal: AbortSignal,
): Promise<VaultLookReply> {
  const open = await deps.destinations.open(uid, signal);
  if (open === undefined) throw new KeyferryError("not-found", "The destination is not known here yet");
  const looker = lookerFor(open.vault, policyOf(open.record.policy).rateGroup, deps, signal);
  const looked = await each(pairs, async (secretKey) => {
    try {
      return { seen: await lookAtPair(looker, open, secretKey, compare) };
    } catch (thrown) {
      const { message, advice } = toKeyferryError(thrown);
      return { notLooked: { secretKey, why: signal.aborted ? "out of time" : `${message}. ${advice}` } };
    }
  });
  return {
    major: 1,
    names: looked.flatMap(({ seen = [] }) => seen),
    notLooked: looked.flatMap(({ notLooked }) => notLooked ?? []),
    failure: null,
  };
}

function lookerFor(
  vault: VaultWriter,
  rateGroup: string | undefined,
  deps: LookDependencies,
  signal: AbortSignal,
): Looker {
  const host = { host: vault.vaultHost, rateGroup };
  return {
    vault,
    deps,
    signal,
    async paced(call) {
      const grant = new Grant(deps, await deps.memory.pacing.acquire(host, "other", "live", signal));
      return grant.use(() => call(signal));
    },
  };
}

// By the latest versions' tags, which is what a list shows: enough to say whose a name is.
async function lookInLists(looker: Looker, names: NamesRequest["names"]): Promise<SeenName[]> {
  const { vault, deps, signal } = looker;
  const wanted = new Map(names.map((one) => [one.name.toLowerCase(), one]));
  const seen = new Map<string, SeenName>();
  const note = async (
    name: string,
    tags: Readonly<Record<string, string>>,
    there: "present" | "deleted",
    managed: boolean,
  ): Promise<void> => {
    const lower = name.toLowerCase();
    const one = wanted.get(lower);
    if (one === undefined || seen.has(lower)) return;
    const { instanceId, tagKeys } = deps.identity;
    const placement = { instanceId, vaultHost: vault.vaultHost, lowerName: lower };
    const claimant = { association: one.association ?? "", secretKey: "", placement, tagKeys };
    const ownership: Ownership = managed
      ? { kind: "foreign", mark: "managed", whose: "a certificate of this vault" }
      : await settled(judgeTags(tags, claimant), deps);
    seen.set(lower, { name: one.name, there, ...told(ownership), tags: Object.keys(tags) });
  };
  const lists = [
    { pages: vault.list({ signal }), there: "present" },
    { pages: vault.listDeleted({ signal }), there: "deleted" },
  ] as const;
  for (const { pages, there } of lists) {
    for (;;) {
      const page = await looker.paced(() => pages.next());
      if (page.done === true) break;
      for (const one of page.value) {
        await note(one.name, one.tags, there, "managed" in one && one.managed === true);
      }
    }
  }
  return names.map(
    ({ name }) =>
      seen.get(name.toLowerCase()) ?? { name, there: "absent" as const, ...told({ kind: "free" }) },
  );
}

async function each<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
  return results;
}
