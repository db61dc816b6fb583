// Owns: a state as the memory keeps it: text, with fields by place instead of by name, as there is one per secret of the
// source and the names were most of it. Pure. Invariant: what is unpacked is what was packed.
import type { PresentState, SecretState, VersionState } from "@keyferry/contracts";

type PackedVersion = readonly [number: string, createdTime: string, deletionTime: string, flags: number];
type Packed = readonly [
  incarnation: string,
  current: number,
  oldest: number,
  versions: readonly PackedVersion[],
  customMetadata: PresentState["customMetadata"],
  maxVersions: number,
  casRequired: boolean,
  deleteVersionAfter: string,
];

const GONE = "";
const DESTROYED = 1;
const LIVE = 2;

export function packState(state: SecretState): string {
  if (state.kind === "gone") return GONE;
  const versions = Object.entries(state.versions).map(
    ([number, { createdTime, deletionTime, destroyed, live }]): PackedVersion => [
      number,
      createdTime,
      deletionTime,
      (destroyed ? DESTROYED : 0) + (live ? LIVE : 0),
    ],
  );
  const packed: Packed = [
    state.incarnation,
    state.current,
    state.oldest,
    versions,
    state.customMetadata,
    state.maxVersions,
    state.casRequired,
    state.deleteVersionAfter,
  ];
  return JSON.stringify(packed);
}

export function unpackState(text: string): SecretState {
  if (text === GONE) return { kind: "gone" };
  const [incarnation, current, oldest, packed, customMetadata, maxVersions, casRequired, deleteVersionAfter] =
    JSON.parse(text) as Packed;
  const versions: Record<string, VersionState> = {};
  for (const [number, createdTime, deletionTime, flags] of packed) {
    versions[number] = {
      createdTime,
      deletionTime,
      destroyed: (flags & DESTROYED) !== 0,
      live: (flags & LIVE) !== 0,
    };
  }
  return {
    kind: "present",
    incarnation,
    current,
    oldest,
    versions,
    customMetadata,
    maxVersions,
    casRequired,
    deleteVersionAfter,
  };
}
