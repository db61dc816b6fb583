// Owns: the one shape of a result: figures, each with what it is compared with, and what is drawn.

export interface Figure {
  readonly what: string;
  readonly unit: string;
  /** Median over the runs. */
  readonly value: number;
  /** What it is held against, of the same run; undefined where the aim is a plain number. */
  readonly baseline?: { readonly what: string; readonly value: number };
  /** Smallest and largest over the runs. */
  readonly spread: readonly [number, number];
  readonly runs: number;
  /** What is to be reached, for `value / baseline` where there is a baseline, else for `value`. */
  readonly aim?: Aim;
}

export interface Aim {
  readonly is: "at-most" | "at-least";
  readonly limit: number;
}

/** One reading of a figure, of one run. */
export type Reading = Omit<Figure, "spread" | "runs">;

/** Value through baseline; the value itself without one. */
export function ratioOf({ value, baseline }: Pick<Figure, "value" | "baseline">): number {
  return baseline === undefined ? value : value / baseline.value;
}

/** Undefined where nothing is to be reached. */
export function isReached(figure: Figure): boolean | undefined {
  if (figure.aim === undefined) return undefined;
  const { is, limit } = figure.aim;
  return is === "at-most" ? ratioOf(figure) <= limit : ratioOf(figure) >= limit;
}

/** Medians of several runs' readings, by `what`, in the order of the first run. */
export function combine(runs: readonly (readonly Reading[])[]): readonly Figure[] {
  return (runs[0] ?? []).map(({ what }) => {
    const readings = runs.flatMap((run) => run.filter((reading) => reading.what === what));
    // The run whose ratio is the median is shown as a whole: value and baseline belong together.
    const sorted = readings.toSorted((a, b) => ratioOf(a) - ratioOf(b));
    const middle = sorted[Math.floor((sorted.length - 1) / 2)];
    const values = readings.map(({ value }) => value);
    if (middle === undefined) throw new RangeError(`no reading of ${what}`);
    return { ...middle, spread: [Math.min(...values), Math.max(...values)] as const, runs: readings.length };
  });
}
