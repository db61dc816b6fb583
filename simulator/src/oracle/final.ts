// Owns: the judgement at the end, when everything has healed (P1): each association's names hold what the source shows,
// and nothing of ours is left under a name that nobody wishes. What waits for a person (held, a changed source, a
// foreign name, a hand edit) is told apart and left.
import type { AssociationRecord, SyncRecord } from "@keyferry/contracts";
import { latestOf } from "../servers/key-vault.ts";
import { world } from "../world.ts";
import { writeOf } from "./canary.ts";
import { nameOf } from "./wishes.ts";

/** Why something is not in step; empty: all is. */
export function whatDiffers(): string[] {
  const { oracle, vaults, source } = world();
  const { wishes, names } = oracle;
  const differences: string[] = [];
  const wished = new Set<string>();
  const waiting = new Set<string>();
  for (const [key, association] of wishes.associations()) {
    if (association.state !== "active") {
      const left = oracle.records.get(key);
      if (needsCredential(left)) {
        const vault = wishes.hostOf(association.destination);
        for (const lower of Object.keys(left?.names ?? {})) waiting.add(`${vault}/${lower}`);
      } else if (association.state === "removed")
        differences.push(`${association.secret.path}: its removal has not ended`);
      continue;
    }
    const { status } = oracle.explain(key, association);
    const { accessor, path } = association.secret;
    const host = wishes.hostOf(association.destination);
    const destination = wishes.destination(association.destination);
    if (host === undefined || destination?.state !== "active") continue;
    const record = oracle.records.get(key);
    const mount = wishes.mountOf(accessor);
    const isHeld = mount === undefined || source.mounts.get(mount.path)?.accessor !== accessor;
    const secret = mount && source.now(mount.mount, path);
    for (const { subKey } of wishes.giversOfRecord(association)) {
      const name = nameOf(association, destination, subKey);
      if (name === undefined) continue;
      const id = `${host}/${name.toLowerCase()}`;
      const value = wishes.valueAt(secret, source.scheduler.now, subKey);
      if (isHeld || isForAPerson(record, association) || names.isForeignLast(id)) {
        waiting.add(id);
        continue;
      }
      const found = vaults.find(host, name);
      const shown = found !== undefined && vaults.phaseOf(found) === "active" ? latestOf(found) : undefined;
      if (value === undefined) continue;
      wished.add(id);
      if (shown === undefined)
        differences.push(`${id}: nothing there, wished is write ${writeOf(value)}; ${say(record)}`);
      else if (writeOf(shown.value) !== writeOf(value))
        differences.push(
          `${id}: holds write ${writeOf(shown.value)}, wished is ${writeOf(value)}; ${say(record)}`,
        );
      else if (!shown.enabled) differences.push(`${id}: is disabled`);
      else if (record?.outcome?.kind !== "synced") differences.push(`${id}: in step, but ${say(record)}`);
      // P7: what it says is what is there.
      else if (status !== "SYNCED") differences.push(`${id}: in step, but shown as ${status}`);
    }
  }
  for (const host of vaults.hosts) {
    for (const secret of vaults.secretsOf(host)) {
      const id = `${host}/${secret.name.toLowerCase()}`;
      if (vaults.phaseOf(secret) !== "active" || !secret.versions.some(({ by }) => by === "keyferry"))
        continue;
      if (wished.has(id) || waiting.has(id) || names.isForeignLast(id) || !latestOf(secret)?.enabled)
        continue;
      // Renamed, or one key of several, and its record lost with the stream: nothing says any more that the pair had it.
      // A drift check reports it, and a person approves its deletion (O14).
      if (oracle.hasLostStreams && !wishes.isLastNameOf(host, secret.name))
        oracle.edge("orphan-for-a-person");
      else differences.push(`${id}: of ours, and nobody wishes it`);
    }
  }
  return differences;
}

// The source was restored to before the client secret was written: a person writes it again.
function needsCredential(record: SyncRecord | undefined): boolean {
  const outcome = record?.outcome ?? null;
  return outcome !== null && "error" in outcome && outcome.error.code === "vault-credential";
}

function isForAPerson(record: SyncRecord | undefined, association: AssociationRecord): boolean {
  if (record?.outcome === null || record === undefined || record.association !== association.uid)
    return false;
  const { outcome } = record;
  if (outcome.kind === "held") return true;
  const error = "error" in outcome ? outcome.error.code : "";
  return (
    error === "foreign-owner" ||
    error === "name-taken" ||
    error === "source-changed" ||
    error === "held-for-approval" ||
    needsCredential(record)
  );
}

function say(record: SyncRecord | undefined): string {
  if (record === undefined) return "no outcome";
  const { outcome } = record;
  if (outcome === null) return "an intent without an outcome";
  return "error" in outcome ? `${outcome.kind} ${outcome.error.code}` : outcome.kind;
}
