import {
  type AppliedAttributes,
  type DestinationRecord,
  highestLiveVersion,
  type PresentState,
  type SyncCommand,
} from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import {
  compileTemplate,
  nameVariables,
  normaliseName,
  renderName,
  secretSettings,
  tagsDigest,
} from "@keyferry/naming";

/** One external secret as it should be. */
export interface WishedName {
  readonly name: string;
  /** Key Vault compares names so. */
  readonly lower: string;
  /** The top-level key whose value it holds; absent under secret-path. */
  readonly subKey?: string;
}

/** What a command comes to, given what the source shows now. */
export type Wish =
  | {
      readonly kind: "present";
      readonly incarnation: string;
      /** The source's version to write: the highest live one. */
      readonly version: number;
      /** When that version was made: a restored source gives its number again, to other data. */
      readonly versionCreatedTime: string | undefined;
      readonly names: readonly WishedName[];
      /** The association's tags and, over them, those that the secret asks for itself. */
      readonly customTags: Readonly<Record<string, string>>;
      readonly attributes: AppliedAttributes;
      readonly tagsDigest: string;
    }
  | {
      readonly kind: "absent";
      /** Under secret-path: the name that the command gives, under which something may lie that no record tells of. */
      readonly given?: WishedName;
    };

/**
 * How a command relates to what a read of the metadata shows.
 * - `act`: matches, or shows the same incarnation, newer and with a live version;
 * - `behind`: this read, or the command, is older than the other: look again in a moment.
 */
export type Match =
  | { readonly kind: "act"; readonly version: number | undefined }
  | { readonly kind: "behind" };

/**
 * Compares a source-driven command with a read (DESIGN section 7). An unsync needs an exact match, or it would delete
 * a secret that has come back (hazard unsync-meets-newer-live); `state` undefined is an absent secret.
 */
export function matchState(
  command: SyncCommand,
  state: { fingerprint: string; present: PresentState | undefined },
): Match {
  const { expect } = command;
  if (expect === null) return { kind: "behind" };
  const { present, fingerprint } = state;
  const version = present && highestLiveVersion(present);
  if (command.op === "unsync") {
    return fingerprint === expect.fingerprint ? { kind: "act", version: undefined } : { kind: "behind" };
  }
  if (present === undefined || version === undefined) return { kind: "behind" };
  // Not with the same `current`: other metadata under it may be older as well as newer, and settings follow metadata.
  const isNewer = present.incarnation === expect.incarnation && present.current > expect.current;
  return fingerprint === expect.fingerprint || isNewer ? { kind: "act", version } : { kind: "behind" };
}

/**
 * The external names of a command. Under secret-key there is one per top-level key, so the keys must be known.
 * Throws `name-invalid` when the template gives no name, or two keys the same one.
 */
export function wishedNames(
  command: SyncCommand,
  destination: DestinationRecord,
  subKeys: readonly string[] | undefined,
): readonly WishedName[] {
  const { spec } = command;
  // A mount that was moved is read where it is, and gives the names that it gave before (O20).
  const secret = { ...command.secret, ...command.namedAs };
  const compiled = compileTemplate(spec.nameTemplate, { granularity: spec.granularity });
  if (compiled.kind === "refused")
    throw new KeyferryError("name-invalid", `The name template is refused: ${compiled.why}`);
  const names = new Map<string, WishedName>();
  for (const subKey of subKeys ?? [undefined]) {
    const variables = nameVariables({
      destination,
      secret,
      ...(subKey === undefined ? {} : { secretKey: subKey }),
    });
    const raw = renderName(compiled.template, variables);
    if (raw.kind === "refused")
      throw new KeyferryError("name-invalid", `The name template gives no name: ${raw.why}`);
    // A rule's names were chosen by nobody: `x_y` must not be able to take `x-y` (O19, hazard name-squatting).
    const normal = normaliseName(raw.name, { hashWhenAltered: spec.byRule });
    if (normal.kind === "refused")
      throw new KeyferryError("name-invalid", `The name template gives no name: ${normal.why}`);
    const lower = normal.name.toLowerCase();
    if (names.has(lower)) {
      throw new KeyferryError("name-invalid", "Two keys of the secret give the same external name", {
        name: normal.name,
      });
    }
    names.set(lower, { name: normal.name, lower, ...(subKey === undefined ? {} : { subKey }) });
  }
  return [...names.values()];
}

/** The wish of a command under which nothing is to be left. Never throws: a name that can't be is nobody's. */
export function absentWish(command: SyncCommand, destination: DestinationRecord): Wish {
  // Under secret-key the names come from the keys, which nobody knows any more.
  if (command.spec.granularity === "secret-key") return { kind: "absent" };
  try {
    const [given] = wishedNames(command, destination, undefined);
    return { kind: "absent", ...(given === undefined ? {} : { given }) };
  } catch (error) {
    if (error instanceof KeyferryError && error.code === "name-invalid") return { kind: "absent" };
    throw error;
  }
}

/**
 * The wish of a sync command for one version of the secret, with the settings in the secret's own custom metadata.
 * Throws `settings-invalid`, which names the metadata key.
 */
export function presentWish(
  { spec }: SyncCommand,
  {
    incarnation,
    customMetadata,
    versions,
  }: Pick<PresentState, "incarnation" | "customMetadata" | "versions">,
  version: number,
  names: readonly WishedName[],
  builtInTags: Readonly<Record<string, string>> = {},
): Wish {
  const read = secretSettings(customMetadata, spec.granularity);
  if (read.kind === "refused") {
    const { key, why, fix } = read;
    throw new KeyferryError("settings-invalid", `Custom metadata ${key} ${why}. ${fix}`, { key });
  }
  const { tags, ...attributes } = read.settings;
  const customTags = { ...builtInTags, ...spec.customTags, ...tags };
  return {
    kind: "present",
    incarnation,
    version,
    versionCreatedTime: versions[String(version)]?.createdTime,
    names,
    customTags,
    attributes,
    tagsDigest: tagsDigest(customTags, attributes),
  };
}
