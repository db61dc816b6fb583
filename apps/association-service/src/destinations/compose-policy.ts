// Owns: what a write makes of Keyferry's own settings of a destination: how it is written to, who reads for it and what.
// Pure.
// Invariant: what a write does not name stays as it is, in a PUT too. Vault's clients don't know these fields, so that they
// leave one out can't mean that it is to go: a Terraform run would open what `allowed_sources` closes. The empty value
// takes one away.

import {
  type DestinationPolicy,
  destinationPolicySchema,
  type DestinationRecord,
  type SourceAccess,
} from "@keyferry/contracts";
import type { DestinationFields } from "./destination-fields.ts";

const RATE_GROUP = /^[\w.-]{1,64}$/;
// What an auth method's role may be called: a path segment, in every method.
const ROLE = /^[\w.-]{1,128}$/;
const SOURCES_MAX = 100;
const SOURCE_CHARACTERS_MAX = 1_024;

/** How the destination is written to; undefined: everything by default. */
export function composePolicy(
  fields: DestinationFields,
  before: DestinationPolicy | undefined,
  errors: string[],
): DestinationPolicy | undefined {
  const { ownership, onDelete, handEdits } = destinationPolicySchema.shape;
  const rateGroup = changed(fields.rate_group, before?.rateGroup);
  if (rateGroup !== undefined && !RATE_GROUP.test(rateGroup)) {
    errors.push("rate_group is not a name: use 1 to 64 letters, digits, '_', '-' and '.'");
  }
  return present({
    ownership: oneOf("ownership", ownership.unwrap().options, fields.ownership, before?.ownership, errors),
    onDelete: oneOf("on_delete", onDelete.unwrap().options, fields.on_delete, before?.onDelete, errors),
    handEdits: oneOf("hand_edits", handEdits.unwrap().options, fields.hand_edits, before?.handEdits, errors),
    purgeDeleted: changed(fields.purge_deleted, before?.purgeDeleted),
    vaultTag: changed(fields.vault_tag, before?.vaultTag),
    versionPerVersion: changed(fields.version_per_version, before?.versionPerVersion),
    rateGroup,
    deleteGuard: composeGuard(fields, before?.deleteGuard, errors),
  });
}

type Guard = NonNullable<DestinationPolicy["deleteGuard"]>;

const MINIMUM_MAX = 100_000;

function composeGuard(
  fields: DestinationFields,
  before: Guard | undefined,
  errors: string[],
): Guard | undefined {
  const { delete_guard_minimum, delete_guard_hourly_percent, delete_guard_daily_percent } = fields;
  const minimum = changed(delete_guard_minimum, before?.minimum);
  if (minimum !== undefined && !(Number.isSafeInteger(minimum) && minimum >= 0 && minimum <= MINIMUM_MAX)) {
    errors.push(`delete_guard_minimum is not a whole number from 0 to ${MINIMUM_MAX}`);
  }
  const percent = (name: string, sent: number | "" | null | undefined, old: number | undefined) => {
    const value = changed(sent, old);
    if (value !== undefined && !(value >= 0 && value <= 100)) errors.push(`${name} is not from 0 to 100`);
    return value;
  };
  return present({
    minimum,
    hourlyPercent: percent("delete_guard_hourly_percent", delete_guard_hourly_percent, before?.hourlyPercent),
    dailyPercent: percent("delete_guard_daily_percent", delete_guard_daily_percent, before?.dailyPercent),
  });
}

/** Who reads for the destination, and what; undefined: the sink's own role, and everything that a caller may read. */
export function composeSource(
  fields: DestinationFields,
  before: DestinationRecord["source"],
  errors: string[],
): SourceAccess | undefined {
  const role = changed(fields.source_role, before?.role);
  if (role !== undefined && !ROLE.test(role)) {
    errors.push("source_role is not a role's name: use 1 to 128 letters, digits, '_', '-' and '.'");
  }
  const sent = fields.allowed_sources?.map((place) => place.replace(/\/$/, ""));
  if (sent !== undefined && sent.length > SOURCES_MAX) {
    errors.push(`allowed_sources has more than ${SOURCES_MAX} entries: use shorter prefixes`);
  }
  const wrong = sent?.find((place) => !isPlace(place));
  if (wrong !== undefined) {
    errors.push(
      "allowed_sources has an entry that is not mount/path: no slash first, no '//', '.', '..', '*' or '%'",
    );
  }
  const chosen = fields.allowed_sources === undefined ? before?.allowed : sent;
  return present({
    role,
    allowed: chosen === undefined || chosen.length === 0 ? undefined : [...new Set(chosen)],
  });
}

// One spelling only, as for the paths that it is compared with (hazard path-two-spellings). `*` is refused, as it would be
// taken for a wildcard.
function isPlace(place: string): boolean {
  if (place.length > SOURCE_CHARACTERS_MAX || /[\p{Cc}*%\\]/u.test(place)) return false;
  return place.split("/").every((segment) => !["", ".", ".."].includes(segment));
}

function oneOf<const T extends string>(
  field: string,
  words: readonly T[],
  sent: string | null | undefined,
  before: T | undefined,
  errors: string[],
): T | undefined {
  const value = changed(sent, before);
  const known = words.find((word) => word === value);
  if (value !== undefined && known === undefined)
    errors.push(`${field} is none of ${words.join(", ")}: send one of them`);
  return known;
}

/** What was sent, or what was there; null and the empty text take it away. */
function changed<T>(sent: T | "" | null | undefined, before: T | undefined): T | undefined {
  if (sent === undefined) return before;
  return sent === null || sent === "" ? undefined : sent;
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without what is undefined; undefined if nothing is left. */
function present<T extends object>(parts: T): Present<T> | undefined {
  const entries = Object.entries(parts).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as Present<T>);
}
