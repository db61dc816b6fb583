// Owns: the rows of a destination as JSON text, kept between answers: set and remove answer with all of them, thousands
// at a time, of which one has changed. Does not own what a row says: whoever renders.
// Invariants: a row is rendered anew after each change of its association, command or record; all pages together are
// what JSON.stringify of all rows would give; destinations that were not asked for lately cost nothing.

import type { Uid } from "@keyferry/contracts";
import type { AssociationRow } from "./association-index.ts";

/** What an association has in an answer: its place, and its rows by their keys in `associated_secrets`, in their order. */
export interface RenderedRow {
  readonly path: string;
  readonly accessor: string;
  readonly rows: readonly { readonly key: string; readonly fields: Readonly<Record<string, unknown>> }[];
}

export interface RowSource {
  /** Every association of a destination. */
  readonly ofDestination: (uid: Uid) => readonly AssociationRow[];
  readonly get: (key: string) => AssociationRow | undefined;
  /** Undefined: the association is not shown. */
  readonly render: (row: AssociationRow) => RenderedRow | undefined;
}

interface Slot {
  readonly key: string;
  readonly path: string;
  readonly accessor: string;
  readonly text: string;
}

/** Neighbours in the answer; `bytes` are made when they are asked for, and again after a change. */
interface Page {
  slots: Slot[];
  bytes: Buffer | undefined;
}

interface Kept {
  /** By path, then accessor. Never an empty page. */
  readonly pages: Page[];
  readonly byKey: Map<string, Slot>;
  readonly dirty: Set<string>;
}

// About 500 bytes each, as text and as bytes: 50 MB at most. A destination with more rows is rendered for each answer.
const ROWS_MAX = 50_000;
// A change costs its page anew: 64 rows are 30 KB, and 2,000 rows are 60 pages to put together.
const PAGE_ROWS = 64;
const COMMA = Buffer.from(",");
const OPEN = Buffer.from("{");
const CLOSE = Buffer.from("}");

export class DestinationRows {
  readonly #source: RowSource;
  readonly #rowsMax: number;
  // In the order of their last use.
  readonly #kept = new Map<Uid, Kept>();

  constructor(source: RowSource, rowsMax = ROWS_MAX) {
    this.#source = source;
    this.#rowsMax = rowsMax;
  }

  /** How many rows are kept, for all destinations. */
  get size(): number {
    return [...this.#kept.values()].reduce((sum, { byKey }) => sum + byKey.size, 0);
  }

  /** Something of the association with this key (`<destination uid>.<k>`) has changed. */
  changed(key: string): void {
    const kept = this.#kept.get(key.slice(0, key.indexOf(".")));
    kept?.dirty.add(key);
  }

  /** Something that concerns any association of this destination has changed. */
  destinationChanged(uid: Uid): void {
    this.#kept.delete(uid);
  }

  /** Something that concerns any of them has changed. */
  allChanged(): void {
    this.#kept.clear();
  }

  /** `associated_secrets` of a destination as JSON, in pieces that are to be put one after the other. */
  piecesOf(uid: Uid): readonly Buffer[] {
    const kept = this.#kept.get(uid) ?? this.#renderAll(uid);
    for (const key of kept.dirty) this.#renderOne(kept, key);
    kept.dirty.clear();
    this.#kept.delete(uid);
    this.#kept.set(uid, kept);
    this.#evict();
    const pieces: Buffer[] = [OPEN];
    for (const page of kept.pages) {
      if (pieces.length > 1) pieces.push(COMMA);
      page.bytes ??= Buffer.from(page.slots.map(({ text }) => text).join(","));
      pieces.push(page.bytes);
    }
    pieces.push(CLOSE);
    return pieces;
  }

  #renderAll(uid: Uid): Kept {
    const slots = this.#source.ofDestination(uid).flatMap((row) => this.#slotOf(row) ?? []);
    slots.sort(compareSlots);
    const pages: Page[] = [];
    for (let at = 0; at < slots.length; at += PAGE_ROWS) {
      pages.push({ slots: slots.slice(at, at + PAGE_ROWS), bytes: undefined });
    }
    return { pages, byKey: new Map(slots.map((slot) => [slot.key, slot])), dirty: new Set() };
  }

  #renderOne({ pages, byKey }: Kept, key: string): void {
    const before = byKey.get(key);
    const row = this.#source.get(key);
    const after = row === undefined ? undefined : this.#slotOf(row);
    if (before?.text === after?.text) return;
    if (before !== undefined) {
      takeOut(pages, before);
      byKey.delete(key);
    }
    if (after === undefined) return;
    putIn(pages, after);
    byKey.set(key, after);
  }

  #slotOf(row: AssociationRow): Slot | undefined {
    const rendered = this.#source.render(row);
    if (rendered === undefined) return undefined;
    const { path, accessor, rows } = rendered;
    const text = rows.map(({ key, fields }) => `${JSON.stringify(key)}:${JSON.stringify(fields)}`).join(",");
    return { key: row.key, path, accessor, text };
  }

  #evict(): void {
    let { size } = this;
    for (const [uid, { byKey }] of this.#kept) {
      if (size <= this.#rowsMax) return;
      this.#kept.delete(uid);
      size -= byKey.size;
    }
  }
}

function takeOut(pages: Page[], slot: Slot): void {
  const at = pageOf(pages, slot);
  const page = pages[at];
  if (page === undefined) return;
  page.slots.splice(placeIn(page.slots, slot, compareSlots), 1);
  page.bytes = undefined;
  if (page.slots.length === 0) pages.splice(at, 1);
}

function putIn(pages: Page[], slot: Slot): void {
  const at = pageOf(pages, slot);
  const page = pages[at];
  if (page === undefined) {
    pages.push({ slots: [slot], bytes: undefined });
    return;
  }
  page.slots.splice(placeIn(page.slots, slot, compareSlots), 0, slot);
  page.bytes = undefined;
  if (page.slots.length <= PAGE_ROWS) return;
  const rest = page.slots.splice(PAGE_ROWS / 2);
  pages.splice(at + 1, 0, { slots: rest, bytes: undefined });
}

// The page that a slot is in, or belongs to: the first whose last slot is not before it, or the last of all.
function pageOf(pages: readonly Page[], slot: Slot): number {
  const at = placeIn(pages, slot, (page, wanted) => {
    const last = page.slots.at(-1);
    return last === undefined ? -1 : compareSlots(last, wanted);
  });
  return Math.min(at, Math.max(0, pages.length - 1));
}

// The first place whose item is not before the slot.
function placeIn<T>(items: readonly T[], slot: Slot, compare: (item: T, slot: Slot) => number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const there = items[middle];
    if (there !== undefined && compare(there, slot) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function compareSlots(a: Slot, b: Slot): number {
  if (a.path !== b.path) return a.path < b.path ? -1 : 1;
  if (a.accessor !== b.accessor) return a.accessor < b.accessor ? -1 : 1;
  if (a.key === b.key) return 0;
  return a.key < b.key ? -1 : 1;
}
