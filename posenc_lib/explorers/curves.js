// A few curves over one axis, with the pinned ones behind them, and the readout.

const DASHES = [[], [7, 4], [2, 3]];
const PINNED_DASH = [5, 3];

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
    pen.save();
    pen.beginPath();
    pen.rect(box.left, box.top - 3, box.right - box.left + 3, box.bottom - box.top + 6);
    pen.clip();
    pen.lineJoin = "round";
    pen.lineWidth = 1.1 * theme.bold;
    this.pinned?.ys.forEach((y, index) => {
      pen.strokeStyle = pane.panel.colour(this.pinned.styles[index]);
      this.path(pen, this.pinned.x, y, PINNED_DASH.map((length) => length * theme.bold));
    });
    pen.lineWidth = 1.8 * theme.bold;
    this.ys.forEach((y, index) => this.trace(pen, pane, y, index, theme));
    pen.restore();
    pen.strokeStyle = theme.text;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(box.left, box.top);
    pen.lineTo(box.left, box.bottom);
    pen.lineTo(box.right, box.bottom);
    pen.stroke();
    axes(pen, box, theme, { ticks: along, place: across }, { ticks: down, place: up }, this.labels);
  }

  path(pen, xs, y, dash) {
    pen.setLineDash(dash);
    pen.beginPath();
    let gap = true;
    for (let i = 0; i < xs.length; i++) {
      if (Number.isNaN(y[i])) {
        gap = true;
        continue;
      }
      if (gap) pen.moveTo(this.across(xs[i]), this.up(y[i]));
      else pen.lineTo(this.across(xs[i]), this.up(y[i]));
      gap = false;
    }
    pen.stroke();
    pen.setLineDash([]);
  }

  trace(pen, pane, y, index, theme) {
    const style = this.styles[index];
    pen.strokeStyle = pane.panel.colour(style);
    pen.fillStyle = pen.strokeStyle;
    this.path(pen, this.x, y, DASHES[Math.floor(style / pane.panel.cycle.length)] ?? []);
    if (this.columns > 40) return;
    pen.beginPath();
    for (let i = 0; i < this.columns; i++) {
      if (Number.isNaN(y[i])) continue;
      const x = this.across(this.x[i]);
      pen.moveTo(x, this.up(y[i]));
      pen.arc(x, this.up(y[i]), 3 * theme.bold, 0, 2 * Math.PI);
    }
    pen.fill();
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
    return { row: 0, column: near(to) < near(from) ? to : from };
  }

  mark(pen, { column }, theme) {
    const { box } = this;
    const x = this.across(this.x[column]);
    pen.strokeStyle = theme.text;
    pen.lineWidth = 1;
    pen.globalAlpha = 0.6;
    pen.beginPath();
    pen.moveTo(x, box.top);
    pen.lineTo(x, box.bottom);
    pen.stroke();
    pen.globalAlpha = 1;
    pen.lineWidth = 2;
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
      Number.isNaN(value) ? "none" : written(value, whole && Number.isInteger(value) ? 1 : fine(value));
    const values = this.ys.map((y, i) => {
      const value = said(y[column]);
      const pinned = old >= 0 && this.pinned.ys[i] ? ` (pinned ${said(this.pinned.ys[i][old])})` : "";
      return `${this.ys.length > 1 ? this.legend[i] : this.labels[1]} ${value}${pinned}`;
    });
    return `${this.labels[0]} ${at}: ${values.join(", ")}`;
  }
}
