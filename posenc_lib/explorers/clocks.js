// Clocks side by side, whose hands turn with one control: dials of radius 1, the tip of a hand at
// (cos, sin), its shadows on the axes. plots/clocks.py draws the still picture.

const TURN = 2 * Math.PI;

// The same direction, above -pi and up to pi.
const wrapped = (angle) => Math.PI - (((Math.PI - angle) % TURN) + TURN) % TURN;

class ClocksView {
  constructor(sent) {
    Object.assign(this, sent);
    this.clocks = sent.clocks.map(word);
    this.several = sent.hands.length > 1;
    this.legend = this.several ? sent.hands : []; // one hand: its clock says what it is
    this.rows = 1; // the arrow keys step from clock to clock
    this.columns = sent.clocks.length;
    const all = numbers(sent.angles, Float64Array);
    const each = all.length / this.columns;
    this.angles = sent.clocks.map((_, i) => all.subarray(i * each, (i + 1) * each));
    this.rates = numbers(sent.rates, Float64Array);
    this.dials = null;
  }

  style(clock, hand) {
    return this.styles[this.several ? hand : clock];
  }

  // As many columns as make the dials largest, the words about each above and below, or beside it.
  arrange(pen, { width, height }, size) {
    const count = this.columns;
    const least = widest(pen, this.clocks.flatMap((clock, i) => [clock, ...this.below(i)]));
    const rowsBelow = Math.max(...this.clocks.map((_, i) => this.below(i).length));
    const air = size * 0.9; // the tip of a hand, the ring of the chosen one
    let best = { radius: 0 };
    for (let columns = 1; columns <= count; columns++) {
      const rows = Math.ceil(count / columns);
      const [wide, high] = [width / columns, height / rows];
      const above = Math.min(wide - air, high - size * (1.6 + 1.35 * rowsBelow) - air) / 2;
      const beside = Math.min(wide - least - size - air, high - air) / 2;
      const talks = high >= size * 1.3 * (1 + rowsBelow);
      if (wide >= least + 4 && above > best.radius) best = { columns, rows, wide, high, radius: above };
      if (talks && beside > best.radius) best = { columns, rows, wide, high, radius: beside, least };
    }
    return best.radius ? best : { columns: count, rows: 1, wide: width / count, high: height, radius: 8 };
  }

  draw(pen, pane, theme) {
    const { size } = theme;
    const place = this.arrange(pen, pane, size);
    const { columns, wide, high, radius, least } = place;
    this.dials = this.clocks.map((_, i) => {
      const row = Math.floor(i / columns);
      const across = row === place.rows - 1 ? this.columns - columns * row : columns; // centred
      const x = (pane.width - across * wide) / 2 + ((i % columns) + 0.5) * wide;
      const y = (row + 0.5) * high;
      if (least) return { x: x - (least + size) / 2, y, radius, beside: true };
      return { x, y: y + size * (0.8 - 0.65 * this.below(i).length), radius };
    });
    this.dials.forEach((dial, i) => this.drawClock(pen, pane, theme, dial, i));
  }

  drawClock(pen, pane, theme, { x, y, radius, beside: besides }, i) {
    const { size, bold } = theme;
    const line = (fromX, fromY, toX, toY) => {
      pen.beginPath();
      pen.moveTo(fromX, fromY);
      pen.lineTo(toX, toY);
      pen.stroke();
    };
    pen.strokeStyle = theme.line;
    pen.lineWidth = 1;
    line(x - radius, y, x + radius, y);
    line(x, y - radius, x, y + radius);
    pen.strokeStyle = theme.text;
    pen.lineWidth = this.marks.includes(i) ? 2.6 * bold : 1;
    pen.beginPath();
    pen.arc(x, y, radius, 0, TURN);
    pen.stroke();
    const tip = (angle) => [x + radius * Math.cos(angle), y - radius * Math.sin(angle)];
    this.pinned?.angles[i]?.forEach((angle, hand) => {
      pen.strokeStyle = pane.surface.colour(this.pinned.style(i, hand));
      pen.lineWidth = 1.1 * bold;
      pen.setLineDash([5 * bold, 3 * bold]);
      line(x, y, ...tip(angle));
      pen.setLineDash([]);
    });
    this.angles[i].forEach((angle, hand) => {
      const [tipX, tipY] = tip(angle);
      const style = this.style(i, hand);
      pen.strokeStyle = pane.surface.colour(style);
      pen.fillStyle = pen.strokeStyle;
      if (!this.several) {
        pen.globalAlpha = 0.6;
        pen.lineWidth = bold;
        pen.setLineDash([2, 3]);
        line(tipX, tipY, tipX, y);
        line(tipX, tipY, x, tipY);
        pen.setLineDash([]);
        pen.globalAlpha = 0.45;
        pen.lineWidth = 4 * bold;
        line(x, y, tipX, y);
        line(x, y, x, tipY);
        pen.globalAlpha = 1;
      }
      pen.lineWidth = 2.4 * bold;
      pen.setLineDash(this.several ? dashOf(style) : []);
      line(x, y, tipX, tipY);
      pen.setLineDash([]);
      pen.beginPath();
      marker(pen, style, tipX, tipY, 4.5 * bold);
      pen.fill();
    });
    pen.strokeStyle = theme.text;
    pen.fillStyle = theme.text;
    if (this.angles[i].length === 2) {
      const [first, second] = this.angles[i];
      pen.lineWidth = 1.3 * bold;
      pen.beginPath();
      const part = (second - first) % TURN; // against the clock if positive
      pen.arc(x, y, radius * 0.4, -first, -first - part, part > 0);
      pen.stroke();
    }
    const words = this.below(i);
    if (besides) {
      pen.textAlign = "left";
      pen.textBaseline = "middle";
      [this.clocks[i], ...words].forEach((text, row) =>
        pen.fillText(text, x + radius + size, y + size * 1.3 * (row - words.length / 2)),
      );
      return;
    }
    pen.textAlign = "center";
    pen.textBaseline = "bottom";
    pen.fillText(this.clocks[i], x, y - radius - size * 0.35);
    pen.textBaseline = "top";
    words.forEach((text, row) => pen.fillText(text, x, y + radius + size * (0.45 + 1.25 * row)));
  }

  below(i) {
    const [first, second] = this.angles[i];
    if (!this.several) return [`cos ${this.said(Math.cos(first))}`, `sin ${this.said(Math.sin(first))}`];
    return this.angles[i].length === 2 ? [`${number(second - first)} rad apart`] : [];
  }

  said(value) {
    return written(value, 0.01);
  }

  // The clock below the pointer, its surroundings included.
  locate(x, y) {
    const column = (this.dials ?? []).findIndex(
      (dial) => Math.max(Math.abs(x - dial.x), Math.abs(y - dial.y)) <= dial.radius * 1.15,
    );
    return column < 0 ? null : { row: 0, column };
  }

  mark(pen, { column }, theme, light = false) {
    const { x, y, radius } = this.dials[column];
    pen.strokeStyle = theme.text;
    pen.lineWidth = light ? 1 : 2;
    pen.globalAlpha = 0.6;
    pen.beginPath();
    pen.arc(x, y, radius + 4, 0, TURN);
    pen.stroke();
    pen.globalAlpha = 1;
  }

  describe({ column }) {
    const tips = (angles) =>
      Array.from(angles ?? [], (angle, hand) => {
        const name = this.several ? `${word(this.hands[hand])} ` : "";
        return `${name}cos ${this.said(Math.cos(angle))}, sin ${this.said(Math.sin(angle))}`;
      }).join("; ");
    const [first, second] = this.angles[column];
    let text = `${this.clocks[column]}: ${tips(this.angles[column])}`;
    if (this.angles[column].length === 2) text += `; ${number(second - first)} rad apart`;
    const old = tips(this.pinned?.angles[column]);
    if (old) text += ` (${word("pinned")} ${old})`;
    return this.several ? text : `${text}; ${number(this.rates[column])} rad per ${this.unit}`;
  }

  // What a tap chooses: nothing, hands are dragged.
  choices() {
    return [];
  }

  // By what angle a pointer that went from one place to another has turned the clock of the cursor,
  // in radians, against the clock; less than half a turn. Divided by rates[column]: the change of
  // the control.
  drag({ column }, [fromX, fromY], [toX, toY]) {
    const { x, y } = this.dials[column];
    const angle = (toRight, down) => Math.atan2(y - down, toRight - x);
    return wrapped(angle(toX, toY) - angle(fromX, fromY));
  }
}

// angles: one array a clock with one number a hand, in radians; labels and rates: one a clock. The
// options have the names and the meaning of the arguments of Clocks (plots/clocks.py).
function clocks(name, angles, labels, rates, unit, options = {}) {
  const { hands = [], marks = [], picks = [null] } = options;
  const { styles = (hands.length > 1 ? hands : labels).map((_, i) => i) } = options;
  const rounded = (value) => number(Math.abs(value) <= 1e-6 ? 0 : value);
  const said = labels.map((label, i) => {
    const tips = angles[i].map((angle, hand) => {
      const prefix = hands.length ? `${hands[hand]} ` : "";
      return `${prefix}cos ${rounded(Math.cos(angle))}, sin ${rounded(Math.sin(angle))}`;
    });
    if (angles[i].length === 2) tips.push(`${number(angles[i][1] - angles[i][0])} rad apart`);
    return `${label}: ${tips.join(", ")}, ${number(rates[i])} rad per ${unit}`;
  });
  return {
    kind: "clocks", name, alt: `Clocks of ${name}: ${said.join("; ")}.`,
    angles: Float64Array.from(angles.flat()), rates: Float64Array.from(rates),
    clocks: labels, unit, hands, styles, marks, picks,
  };
}
