// Owns: line charts as SVG text, with axes, a legend and nothing else. Pure, and the same for the same input.

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
  /** Drawn thin and dashed: what the others are held against. */
  readonly isLimit?: boolean;
}

export interface Chart {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly Line[];
}

export interface Axis {
  readonly label: string;
  readonly scale?: "linear" | "log";
}

const WIDTH = 760;
const HEIGHT = 420;
const LEFT = 70;
const RIGHT = 20;
const TOP = 46;
const BOTTOM = 56;
const TICKS = 6;
/** Told apart without colour vision too (Okabe and Ito), and readable on white and on dark. */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"];

type Scale = (value: number) => number;

/** The chart as an SVG document. */
export function drawChart({ title, x, y, lines }: Chart): string {
  const all = lines.flatMap(({ points }) => points);
  const xRange = rangeOf(
    all.map(([value]) => value),
    x,
  );
  const yRange = rangeOf(
    all.map(([, value]) => value),
    y,
  );
  const toX = scaleOf(x, xRange, [LEFT, WIDTH - RIGHT]);
  const toY = scaleOf(y, yRange, [HEIGHT - BOTTOM, TOP]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${escape(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    `<text x="${LEFT}" y="20" font-size="15" font-weight="bold">${escape(title)}</text>`,
    ...ticksOf(x, xRange).map((tick) => xTick(toX(tick), tick)),
    ...ticksOf(y, yRange).map((tick) => yTick(toY(tick), tick)),
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 14}" text-anchor="middle">${escape(x.label)}</text>`,
    `<text transform="translate(16 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${escape(y.label)}</text>`,
    ...lines.flatMap((line, index) => drawLine(line, index, toX, toY)),
    "</svg>",
    "",
  ].join("\n");
}

function drawLine({ name, points, isLimit }: Line, index: number, toX: Scale, toY: Scale): readonly string[] {
  const colour = isLimit === true ? "#666666" : (COLOURS[index % COLOURS.length] ?? "#000000");
  const style = isLimit === true ? `stroke-dasharray="6 4" stroke-width="1.5"` : `stroke-width="2"`;
  const path = points.map(([px, py]) => `${toX(px).toFixed(1)},${toY(py).toFixed(1)}`).join(" ");
  const legendY = TOP + 4 + index * 17;
  return [
    `<polyline points="${path}" fill="none" stroke="${colour}" ${style}/>`,
    // Few points are measurements by themselves.
    ...(points.length <= 12 && isLimit !== true
      ? points.map(
          ([px, py]) =>
            `<circle cx="${toX(px).toFixed(1)}" cy="${toY(py).toFixed(1)}" r="3.5" fill="${colour}"/>`,
        )
      : []),
    `<line x1="${LEFT + 12}" x2="${LEFT + 36}" y1="${legendY}" y2="${legendY}" stroke="${colour}" ${style}/>`,
    `<text x="${LEFT + 42}" y="${legendY + 4}">${escape(name)}</text>`,
  ];
}

function xTick(at: number, value: number): string {
  return `<line x1="${at.toFixed(1)}" x2="${at.toFixed(1)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}" stroke="#e5e5e5"/><text x="${at.toFixed(1)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${label(value)}</text>`;
}

function yTick(at: number, value: number): string {
  return `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at.toFixed(1)}" y2="${at.toFixed(1)}" stroke="#e5e5e5"/><text x="${LEFT - 8}" y="${(at + 4).toFixed(1)}" text-anchor="end">${label(value)}</text>`;
}

function rangeOf(values: readonly number[], axis: Axis): readonly [number, number] {
  const high = Math.max(...values, Number.MIN_VALUE);
  if (axis.scale !== "log") return [Math.min(0, ...values), high * 1.05];
  const positive = values.filter((value) => value > 0);
  return [Math.min(...positive, high), high];
}

function scaleOf(
  axis: Axis,
  [low, high]: readonly [number, number],
  [from, to]: readonly [number, number],
): Scale {
  const place =
    axis.scale === "log" ? (value: number) => Math.log(Math.max(value, low)) : (value: number) => value;
  const span = place(high) - place(low) || 1;
  return (value) => from + ((place(value) - place(low)) / span) * (to - from);
}

function ticksOf(axis: Axis, [low, high]: readonly [number, number]): readonly number[] {
  if (axis.scale === "log") {
    const decades = Array.from({ length: 12 }, (_, index) => 10 ** (index - 3));
    const fine = decades.flatMap((decade) => [decade, decade * 2, decade * 5]);
    return fine.filter((tick) => tick >= low && tick <= high);
  }
  const rough = (high - low) / TICKS;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * decade).find((one) => one >= rough) ?? rough;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, index) => (first + index) * step);
}

function label(value: number): string {
  return value >= 1_000
    ? `${(value / 1_000).toFixed(value % 1_000 === 0 ? 0 : 1)}k`
    : String(Number(value.toPrecision(3)));
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
