// The pinned picture beside the live one: curves behind the live curves, heat maps live, pinned or
// live minus pinned. A counterpart has the same place in the picture and shows the same quantity.
// `pinned.py` does the same for the still picture.

const NOT_COMPARABLE = " (not comparable with the pinned one)";

const KINDS = { heatmap: HeatmapView, curves: CurvesView, clocks: ClocksView };
const viewOf = (sent) => new KINDS[sent.kind](sent);

const quantity = (view) =>
  ({ heatmap: () => view.labels[2], curves: () => `${view.labels[1]} ${view.logs}`, clocks: () => view.unit })[
    view.kind
  ]();

// The view that a pane draws. The pinned view is kept from frame to frame, the live one is new.
function beside(live, pinned, mode) {
  if (!pinned) return live;
  if (mode === "pinned" && live.kind === "heatmap" && pinned.kind === "heatmap") {
    pinned.note = " (pinned)";
    return pinned;
  }
  if (live.kind !== pinned.kind || quantity(live) !== quantity(pinned)) {
    live.note = NOT_COMPARABLE;
    return live;
  }
  if (mode === "difference" && live.kind === "heatmap") return difference(live, pinned);
  live.pinned = pinned;
  return live;
}

// A heat map of live minus pinned, at the same row and column numbers. Differences that the sent
// numbers cannot tell from none are 0.
function difference(live, pinned) {
  const { rows, columns } = live;
  const [down, right] = [live.rowStart - pinned.rowStart, live.columnStart - pinned.columnStart];
  const [from, to] = [Math.max(0, -right), Math.min(columns, pinned.columns - right)];
  const values = new Float64Array(rows * columns).fill(NaN);
  let most = 0;
  for (let row = Math.max(0, -down); row < Math.min(rows, pinned.rows - down); row++) {
    const [start, other] = [row * columns, (row + down) * pinned.columns + right];
    for (let column = from; column < to; column++) {
      const code = live.codes[start + column];
      const old = pinned.codes[other + column];
      if (code === live.none || old === pinned.none) continue;
      const value = live.low + live.step * code - pinned.low - pinned.step * old;
      values[start + column] = value;
      if (Math.abs(value) > most) most = Math.abs(value);
    }
  }
  const whole = live.whole && pinned.whole;
  const unsure = whole ? 0 : (live.step + pinned.step) / 2;
  const equal = most <= 1.01 * unsure;
  const top = roundedUp(
    equal ? Math.max(...live.limits.map(Math.abs)) : Math.max(most - 2 * unsure, 8 * unsure),
  );
  const step = whole && top < 32_000 ? 1 : Math.max(unsure, top / 32_000);
  const zero = Math.ceil(Math.max(most, top) / step);
  const codes = new Uint16Array(rows * columns).fill(65535);
  for (let i = 0; i < codes.length; i++) {
    const value = values[i];
    if (value === value) codes[i] = (equal ? 0 : Math.round(value / step)) + zero; // not NaN
  }
  const made = new HeatmapView({
    ...live.sent,
    values: undefined, // the live ones
    colours: undefined,
    alt: `Heat map of ${live.name}, live minus pinned: ${rows} x ${columns}.`,
    codes,
    bytes: 2,
    low: -zero * step,
    step,
    whole: step === 1,
    beyond: [false, false],
    limits: [-top, top],
    palette: "diverging",
    labels: [live.labels[0], live.labels[1], `${live.labels[2]}, live minus pinned`],
  });
  made.note = " (live minus pinned)";
  made.live = live;
  made.pinned = pinned;
  return made;
}

// 1, 2 or 5 times a power of ten, so that the scale stands still while a slider moves a little.
function roundedUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((m) => m * power >= value * (1 - 1e-6)) * power;
}
