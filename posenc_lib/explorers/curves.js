// A few curves over one axis, with the pinned ones behind them, and the readout. Every style has its
// own colour, dashes and marker, so that curves are told apart without colour too.

const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]];
const PINNED_DASH = [5, 3];
const PIECE = 16; // points of a curve that are drawn in one stroke
const MARKERS = [ // outlines about the origin, as points; null: a circle
  null,
  [[-1, -1], [1, -1], [1, 1], [-1, 1]],
  [[0, -1.25], [1.2, 0.9], [-1.2, 0.9]],
  [[0, -1.35], [1.35, 0], [0, 1.35], [-1.35, 0]],
  [[0, 1.25], [1.2, -0.9], [-1.2, -0.9]],
];

const dashOf = (style) => DASHES[style % DASHES.length];
const markerOf = (style) => MARKERS[style % MARKERS.length];

function marker(pen, style, x, y, size) {
  const outline = markerOf(style);
  if (!outline) {
    pen.moveTo(x + size, y);
    pen.arc(x, y, size, 0, 2 * Math.PI);
    return;
  }
  outline.forEach(([right, down], i) =>
    i ? pen.lineTo(x + right * size, y + down * size) : pen.moveTo(x + right * size, y + down * size),
  );
  pen.closePath();
}

// A piece of a curve for the legend.
function swatch(style, colour, thin) {
  const dash = (thin ? PINNED_DASH : dashOf(style)).join(" ");
  const outline = markerOf(style);
  const at = ([x, y]) => `${13 + 3.2 * x},${6 + 3.2 * y}`;
  const dot = outline
    ? `<polygon points="${outline.map(at).join(" ")}" fill="${colour}"/>`
    : `<circle cx="13" cy="6" r="3.2" fill="${colour}"/>`;
  return (
    `<svg width="26" height="12" aria-hidden="true"><line x1="0" x2="26" y1="6" y2="6" ` +
    `stroke="${colour}" stroke-width="${thin ? 1.2 : 2}" stroke-dasharray="${dash}"/>` +
    `${thin ? "" : dot}</svg>`
  );
}

const sameNumbers = (a, b) => a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
const sameCurve = (x, y, otherX, otherY) => sameNumbers(y, otherY) && sameNumbers(x, otherX);

class CurvesView {
  constructor(sent) {
    Object.assign(this, sent);
    this.x = numbers(sent.x, Float64Array);
    const all = numbers(sent.ys, Float32Array);
    this.columns = this.x.length;
    this.rows = 1; // the arrow keys step along the points
    this.ys = sent.legend.map((_, i) => all.subarray(i * this.columns, (i + 1) * this.columns));
    [this.logX, this.logY] = sent.logs;
  }

  draw(pen, pane, theme) {
    const { size } = theme;
    const { width, height } = pane;
    // The axes reach over the pinned curves too: nothing is cut off.
    const all = this.pinned ? [this, this.pinned] : [this];
    const low = Math.min(...all.map((one) => one.limits[0]));
    const high = Math.max(...all.map((one) => one.limits[1]));
    let first = Math.min(...all.map((one) => one.x[0]));
    let last = Math.max(...all.map((one) => one.x[one.columns - 1]));
    if (first === last) [first, last] = this.logX ? [first / 2, last * 2] : [first - 0.5, last + 0.5];
    const down = (this.logY ? logTicks : ticks)(low, high, clamp(height / (size * 3.5), 2, 8));
    const box = {
      head: 3, // a turned label reaches a little past its line
      foot: height,
      wide: width,
      top: size * 0.7,
      bottom: height - size * 2.9,
      left: size * 1.5 + 3 + widest(pen, down.map((tick) => tick.text)) + 8,
      right: width - size * 1.1,
    };
    this.box = box;
    const line = (from, to, start, end, log) => {
      if (log) [from, to] = [Math.log(from), Math.log(to)];
      const slope = (end - start) / (to - from);
      return log ? (v) => start + (Math.log(v) - from) * slope : (v) => start + (v - from) * slope;
    };
    const inset = this.columns <= 40 ? 5 : 0; // room for the first and last dots
    const { marks = [] } = this;
    const across = line(first, last, box.left + inset, box.right - inset, this.logX);
    const up = line(low, high, box.bottom, box.top, this.logY);
    this.across = across;
    this.up = up;
    const most = clamp((box.right - box.left) / (size * 4.5), 2, 8);
    const whole = this.x.every((value) => Number.isInteger(value));
    const along = this.logX ? logTicks(first, last, most) : ticks(first, last, most, whole);
    pen.strokeStyle = theme.line;
    pen.lineWidth = 1;
    pen.globalAlpha = 0.5;
    pen.beginPath();
    for (const tick of along) {
      pen.moveTo(across(tick.at), box.top);
      pen.lineTo(across(tick.at), box.bottom);
    }
    for (const tick of down) {
      pen.moveTo(box.left, up(tick.at));
      pen.lineTo(box.right, up(tick.at));
    }
    pen.stroke();
    pen.globalAlpha = 1;
    if (!this.logY && low < 0 && high > 0) { // signs are read from the zero line
      pen.beginPath();
      pen.moveTo(box.left, up(0));
      pen.lineTo(box.right, up(0));
      pen.strokeStyle = theme.text;
      pen.globalAlpha = 0.55;
      pen.stroke();
      pen.globalAlpha = 1;
    }
    for (const [at] of marks) this.upright(pen, at, first, last, theme);
    pen.save();
    pen.beginPath();
    pen.rect(box.left, box.top - 3, box.right - box.left + 3, box.bottom - box.top + 6);
    pen.clip();
    pen.lineJoin = "round";
    pen.lineWidth = 1.1 * theme.bold;
    this.pinned?.ys.forEach((y, index) => {
      pen.strokeStyle = pane.surface.colour(this.pinned.styles[index]);
      this.path(pen, this.pinned.x, y, PINNED_DASH.map((length) => length * theme.bold));
    });
    if (this.resting) { // where they stood before the hand moved
      pen.globalAlpha = 0.3;
      pen.lineWidth = 1.4 * theme.bold;
      this.resting.ys.forEach((y, index) => {
        if (sameCurve(this.resting.x, y, this.x, this.ys[index])) return; // it would be hidden
        pen.strokeStyle = pane.surface.colour(this.resting.styles[index]);
        this.path(pen, this.resting.x, y, []);
      });
      pen.globalAlpha = 1;
    }
    pen.lineWidth = 1.8 * theme.bold;
    this.ys.forEach((y, index) => this.trace(pen, pane, y, index, theme));
    pen.restore();
    marks.forEach(([at, said], i) => this.word(pen, at, word(said), first, last, theme, i));
    pen.strokeStyle = theme.text;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(box.left, box.top);
    pen.lineTo(box.left, box.bottom);
    pen.lineTo(box.right, box.bottom);
    pen.stroke();
    axes(pen, box, theme, { ticks: along, place: across }, { ticks: down, place: up }, this.labels);
  }

  // Whether the curves of an earlier view are these.
  restsOn(old) {
    return old.legend.length === this.legend.length;
  }

  // In pieces: without a graphics processor one long path with many turns takes far longer.
  path(pen, xs, y, dash) {
    pen.setLineDash(dash);
    let [points, length, before] = [0, 0, null];
    const end = () => {
      if (points) pen.stroke();
      points = 0;
    };
    for (let i = 0; i < xs.length; i++) {
      const at = Number.isNaN(y[i]) ? null : [this.across(xs[i]), this.up(y[i])];
      if (!at || !before || points === PIECE) end();
      if (at && before) {
        if (!points) {
          pen.lineDashOffset = length; // the dashes go on where the last piece ended
          pen.beginPath();
          pen.moveTo(...before);
        }
        pen.lineTo(...at);
        points += 1;
        if (dash.length) length += Math.hypot(at[0] - before[0], at[1] - before[1]);
      }
      before = at;
    }
    end();
    pen.setLineDash([]);
    pen.lineDashOffset = 0;
  }

  trace(pen, pane, y, index, theme) {
    const style = this.styles[index];
    pen.strokeStyle = pane.surface.colour(style);
    pen.fillStyle = pen.strokeStyle;
    this.path(pen, this.x, y, dashOf(style));
    pen.beginPath();
    for (let i = 0; i < this.columns; i++) {
      if (!this.marked(i, index) || Number.isNaN(y[i])) continue;
      marker(pen, style, this.across(this.x[i]), this.up(y[i]), 3 * theme.bold);
    }
    pen.fill();
  }

  // Which points carry a marker: whole positions of a smooth wave, all of a few, else every so many,
  // at other places of each curve.
  marked(i, index) {
    if (this.dots) return i % this.dots === 0 && this.columns / this.dots <= 80;
    if (this.columns <= 40) return true;
    if (this.ys.length < 2) return false;
    const every = Math.ceil(this.columns / 8);
    return i % every === Math.floor(((index + 0.5) * every) / this.ys.length);
  }

  // A place on the axis that matters, such as the trained length; its word stands at the top.
  upright(pen, at, first, last, theme) {
    if (at < first || at > last) return;
    const { box } = this;
    const x = Math.round(this.across(at)) + 0.5; // on whole pixels: sharp
    pen.strokeStyle = theme.text;
    pen.setLineDash([3, 3]);
    pen.lineWidth = theme.bold > 1 ? 2 : 1;
    pen.beginPath();
    pen.moveTo(x, box.top);
    pen.lineTo(x, box.bottom);
    pen.stroke();
    pen.setLineDash([]);
  }

  word(pen, at, word, first, last, theme, line) {
    const top = this.box.top + (line % 3) * theme.size * 1.15; // words of marks that are close
    if (!word || at < first || at > last) return;
    const { box } = this;
    const x = this.across(at);
    pen.font = theme.small;
    const wide = pen.measureText(word).width;
    const left = x + 4 + wide < box.right ? x + 4 : x - 4 - wide;
    pen.textAlign = "left";
    pen.textBaseline = "top";
    pen.strokeStyle = theme.ground; // about the letters alone: the curves go on between them
    pen.lineWidth = 4;
    pen.lineJoin = "round";
    pen.globalAlpha = 0.85;
    pen.strokeText(word, left, top);
    pen.globalAlpha = 1;
    pen.fillStyle = theme.text;
    pen.fillText(word, left, top);
    pen.font = theme.font;
  }

  // The point nearest to the pointer along the horizontal axis.
  locate(x, y) {
    const { box } = this;
    if (!box || x < box.left - 4 || x > box.right + 4 || y < box.top || y > box.bottom) return null;
    let [from, to] = [0, this.columns - 1];
    while (to - from > 1) {
      const middle = (from + to) >> 1;
      if (this.across(this.x[middle]) <= x) from = middle;
      else to = middle;
    }
    const near = (i) => Math.abs(this.across(this.x[i]) - x);
    const column = near(to) < near(from) ? to : from;
    const away = this.ys.map((values) => Math.abs(this.up(values[column]) - y));
    const reached = away.map((value) => (Number.isNaN(value) ? Infinity : value));
    return { row: 0, column, curve: reached.indexOf(Math.min(...reached)) };
  }

  // What a tap here chooses: [number on the axis, place among the options], for x and for the curve.
  choices({ column, curve = 0 }) {
    return [[this.x[column], column], [curve, curve]];
  }

  places({ column }) {
    return { [axisOf(this.labels[0])]: this.x[column] };
  }

  // The point that has one of these places, to be marked lightly.
  find(places) {
    const at = places[axisOf(this.labels[0])];
    const column = at === undefined ? -1 : this.x.indexOf(at);
    return column < 0 ? null : { row: 0, column };
  }

  mark(pen, { column }, theme, light = false) {
    const { box } = this;
    const x = this.across(this.x[column]);
    pen.strokeStyle = theme.text;
    pen.lineWidth = 1;
    pen.globalAlpha = light ? 0.4 : 0.6;
    pen.beginPath();
    pen.moveTo(x, box.top);
    pen.lineTo(x, box.bottom);
    pen.stroke();
    pen.globalAlpha = 1;
    pen.lineWidth = light ? 1 : 2;
    for (const y of this.ys) {
      const at = this.up(y[column]);
      if (!(at >= box.top - 3 && at <= box.bottom + 3)) continue;
      pen.beginPath();
      pen.arc(x, at, 5, 0, 2 * Math.PI);
      pen.stroke();
    }
  }

  describe({ column }) {
    const [low, high] = this.limits;
    const old = this.pinned ? this.pinned.x.indexOf(this.x[column]) : -1;
    const fine = (value) => (this.logY ? Math.abs(value) / 1000 : (high - low) / 10000);
    const whole = this.ys.every((y) => y.every((value) => Number.isNaN(value) || Number.isInteger(value)));
    const x = this.x[column];
    const at = written(x, Number.isInteger(x) ? 1 : Math.abs(x) / 1000);
    const said = (value) =>
      Number.isNaN(value) ? word("none") : written(value, whole && Number.isInteger(value) ? 1 : fine(value));
    const values = this.ys.map((y, i) => {
      const value = said(y[column]);
      const before = old >= 0 && this.pinned.ys[i];
      const pinned = before ? ` (${word("pinned")} ${said(before[old])})` : "";
      return `${word(this.ys.length > 1 ? this.legend[i] : this.labels[1])} ${value}${pinned}`;
    });
    return `${word(this.labels[0])} ${at}: ${values.join(", ")}`;
  }
}
