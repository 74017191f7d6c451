// Draws the views of a panel: heat maps and curves from the numbers that the kernel sends.
// Nothing is fetched. One picture is drawn a frame, the newest, into canvases that are kept.

const HINT = "Point at the picture, or use the arrow keys, to read values.";
const DASHES = [[], [7, 4], [2, 3]];
const PINNED_DASH = [5, 3];
const BORDERS = ["solid", "dashed", "dotted"];

// --- numbers ---------------------------------------------------------------------------------

// The bytes of a message as an array; a copy only where they are not aligned.
function numbers(view, Kind) {
  const size = Kind.BYTES_PER_ELEMENT;
  const { buffer, byteOffset, byteLength } = view;
  if (byteOffset % size === 0) return new Kind(buffer, byteOffset, byteLength / size);
  return new Kind(buffer.slice(byteOffset, byteOffset + byteLength));
}

// A number with the decimals that multiples of `step` need.
function written(value, step) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const needed = Math.max(Math.ceil(-Math.log10(step) - 1e-9), 0);
  const tiny = needed > 7 && size < 1e-3;
  if (size >= 1e7 || tiny) return value.toExponential(2).replaceAll("-", "−");
  const decimals = Math.min(needed, 7);
  const rounded = size.toFixed(decimals);
  let [whole, part] = rounded.split(".");
  if (size >= 1000) whole = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return (value < 0 && Number(rounded) !== 0 ? "−" : "") + whole + (part ? `.${part}` : "");
}

// Round ticks: steps of 1, 2 or 5 times a power of ten.
function ticks(low, high, most, whole = false) {
  const raw = (high - low) / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  let step = [1, 2, 5, 10].find((m) => m * power >= raw * (1 - 1e-9)) * power;
  if (whole) step = Math.max(1, Math.round(step));
  const found = [];
  for (let k = Math.ceil(low / step - 1e-6); k * step <= high + step * 1e-6; k++) {
    found.push({ at: k * step, text: written(k * step, step) });
  }
  return found;
}

function logTicks(low, high, most) {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const every = Math.max(1, Math.ceil((last - first + 1) / Math.max(most, 1)));
  const factors = last - first < 2 ? [1, 2, 5] : [1];
  const found = [];
  for (let k = first - 1; k <= last; k += every) {
    for (const factor of factors) {
      const at = factor * 10 ** k;
      if (at >= low * (1 - 1e-9) && at <= high * (1 + 1e-9)) {
        found.push({ at, text: written(at, Math.min(at, 1)) });
      }
    }
  }
  return found;
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// --- what all views share --------------------------------------------------------------------

function element(tag, name, parent) {
  const made = document.createElement(tag);
  made.className = name;
  parent.append(made);
  return made;
}

// One view's place in the page: caption, picture, crosshair, legend, readout.
class Pane {
  constructor(parent, panel) {
    this.panel = panel;
    this.figure = element("figure", "posenc-pane", parent);
    this.caption = element("figcaption", "", this.figure);
    this.stage = element("div", "posenc-stage", this.figure);
    this.canvas = element("canvas", "posenc-canvas", this.stage);
    this.overlay = element("canvas", "posenc-overlay", this.stage);
    this.readout = element("div", "posenc-readout posenc-hint", this.figure);
    this.legend = element("div", "posenc-legend", this.figure);
    this.hint = panel.panes.length ? "" : HINT; // said once, below the first picture
    this.readout.textContent = this.hint;
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab's arrow keys
    this.overlay.setAttribute("aria-hidden", "true");
    this.context = this.canvas.getContext("2d");
    this.marks = this.overlay.getContext("2d");
    this.tile = document.createElement("canvas");
    this.cursor = null; // the cell or point being read
    this.pointer = null; // where the pointer rests, so that new numbers are read there
    this.width = 0;
    this.height = 0;
    this.canvas.addEventListener("pointermove", (event) => {
      this.pointer = [event.offsetX, event.offsetY];
      this.readout.setAttribute("aria-live", "off"); // not every cell that the mouse crosses
      this.panel.point(this);
    });
    this.canvas.addEventListener("pointerleave", () => this.leave());
    this.canvas.addEventListener("blur", () => this.leave());
    this.canvas.addEventListener("keydown", (event) => this.key(event));
  }

  leave() {
    this.pointer = null;
    this.cursor = null;
    this.panel.point(this);
  }

  key(event) {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (event.key === "Escape") this.leave();
    if (!(event.key in moves) || !this.view) return;
    event.preventDefault();
    event.stopPropagation();
    const [down, right] = moves[event.key];
    const { rows, columns } = this.view;
    const from = this.cursor ?? { row: -down, column: -right }; // the first key: the first cell
    this.pointer = null;
    this.readout.setAttribute("aria-live", "polite");
    this.cursor = {
      row: clamp(from.row + down, 0, rows - 1),
      column: clamp(from.column + right, 0, columns - 1),
    };
    this.panel.point(this);
  }

  take(sent, pinned, mode) {
    this.view = beside(viewOf(sent), pinned, mode);
    const { name, note = "", alt } = this.view;
    if (this.caption.textContent !== name + note) this.caption.textContent = name + note;
    const behind = this.view.kind === "curves" ? this.view.pinned : null;
    this.canvas.setAttribute("aria-label", behind ? `${alt} Dashed, pinned: ${behind.alt}` : alt);
    this.writeLegend(this.view.legend ?? [], behind?.legend ?? []);
  }

  writeLegend(legend, pinned) {
    const key = JSON.stringify([legend, pinned]);
    if (this.legendKey === key) return;
    this.legendKey = key;
    this.legend.replaceChildren();
    if (legend.length + pinned.length < 2) return;
    const add = (text, index, style) => {
      const item = element("span", "", this.legend);
      const line = element("i", "", item);
      line.style.borderTopColor = this.panel.colour(index);
      line.style.borderTopStyle = style;
      item.append(text);
      return line;
    };
    legend.forEach((text, index) =>
      add(text, index, BORDERS[Math.floor(index / this.panel.cycle.length)] ?? "solid"),
    );
    const several = pinned.length > 1; // then they take a row of their own
    if (several) {
      element("span", "posenc-break", this.legend);
      element("span", "", this.legend).append("(pinned)");
    }
    pinned.forEach((text, index) =>
      add(several ? text : `${text} (pinned)`, index, "dashed").classList.add("posenc-thin"),
    );
  }

  draw(theme) {
    if (!this.width || !this.view) return;
    const ratio = window.devicePixelRatio || 1;
    const wide = Math.round(this.width * ratio);
    const high = Math.round(this.height * ratio);
    for (const canvas of [this.canvas, this.overlay]) {
      if (canvas.width !== wide || canvas.height !== high) {
        canvas.width = wide;
        canvas.height = high;
      }
    }
    const pen = this.context;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    pen.font = theme.font;
    this.view.draw(pen, this, theme, ratio);
    this.read(theme);
  }

  // The crosshair and the readout line.
  read(theme) {
    if (!this.width || !this.view) return;
    const ratio = window.devicePixelRatio || 1;
    const pen = this.marks;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    if (this.pointer) this.cursor = this.view.locate(...this.pointer);
    const { rows, columns } = this.view;
    const held = this.cursor && this.cursor.row < rows && this.cursor.column < columns;
    if (held) this.view.mark(pen, this.cursor, theme);
    const text = held ? this.view.describe(this.cursor) : this.hint;
    if (this.readout.textContent !== text) {
      this.readout.textContent = text;
      this.readout.classList.toggle("posenc-hint", !held);
    }
  }
}

function turned(pen, text, x, y, angle) {
  pen.save();
  pen.translate(x, y);
  pen.rotate(angle);
  pen.fillText(text, 0, 0);
  pen.restore();
}

function widest(pen, texts) {
  return texts.reduce((most, text) => Math.max(most, pen.measureText(text).width), 0);
}

// Ticks and labels on the left and below a box; `place` turns a value into a coordinate.
function axes(pen, box, theme, across, down, labels) {
  const { size } = theme;
  pen.fillStyle = theme.text;
  pen.strokeStyle = theme.text;
  pen.lineWidth = 1;
  pen.beginPath();
  for (const tick of across.ticks) {
    const x = across.place(tick.at);
    pen.moveTo(x, box.bottom);
    pen.lineTo(x, box.bottom + 4);
  }
  for (const tick of down.ticks) {
    const y = down.place(tick.at);
    pen.moveTo(box.left, y);
    pen.lineTo(box.left - 4, y);
  }
  pen.stroke();
  pen.textBaseline = "top";
  for (const tick of across.ticks) {
    if (across.slant) {
      pen.textAlign = "right";
      turned(pen, tick.text, across.place(tick.at) + size * 0.2, box.bottom + 5, -Math.PI / 4);
    } else {
      pen.textAlign = "center";
      pen.fillText(tick.text, across.place(tick.at), box.bottom + 6);
    }
  }
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const tick of down.ticks) pen.fillText(tick.text, box.left - 7, down.place(tick.at));
  pen.textAlign = "center";
  pen.textBaseline = "bottom";
  pen.fillText(labels[0], (box.left + box.right) / 2, box.foot);
  pen.textBaseline = "top";
  turned(pen, labels[1], box.head, (box.top + box.bottom) / 2, -Math.PI / 2);
}

// --- heat map --------------------------------------------------------------------------------

class HeatmapView {
  constructor(sent) {
    this.sent = sent;
    Object.assign(this, sent);
    [this.rows, this.columns] = sent.shape;
    this.codes = numbers(sent.codes, sent.bytes === 1 ? Uint8Array : Uint16Array);
    this.none = sent.bytes === 1 ? 255 : 65535;
    [this.rowStart, this.columnStart] = sent.starts;
    [this.rowTicks, this.columnTicks] = sent.ticks;
    this.fine = sent.whole ? 1 : 10 ** Math.ceil(Math.log10(sent.step));
  }

  value(row, column) {
    const code = this.codes[row * this.columns + column];
    return code === this.none ? NaN : this.low + this.step * code;
  }

  // The value of a cell that may lie outside: NaN there.
  within(row, column) {
    const inside = row >= 0 && column >= 0 && row < this.rows && column < this.columns;
    return inside ? this.value(row, column) : NaN;
  }

  // Place in the palette, 0 to 255.
  shade(value) {
    const [low, high] = this.limits;
    return clamp(Math.floor(((value - low) / (high - low)) * 256), 0, 255);
  }

  // One pixel a cell; the array of pixels is kept while the shape stays.
  paint(pane) {
    const { rows, columns, codes, none } = this;
    const { tile } = pane;
    if (!pane.pixels || tile.width !== columns || tile.height !== rows) {
      tile.width = columns;
      tile.height = rows;
      pane.brush = tile.getContext("2d");
      pane.image = pane.brush.createImageData(columns, rows);
      pane.pixels = new Uint32Array(pane.image.data.buffer);
    }
    const { pixels } = pane;
    const palette = pane.panel.palette(this.palette);
    const missing = pane.panel.missing;
    const [low, high] = this.limits;
    const slope = (this.step / (high - low)) * 256;
    const start = ((this.low - low) / (high - low)) * 256;
    if (none === 255) {
      const table = new Uint32Array(256);
      for (let code = 0; code < 255; code++) {
        table[code] = palette[clamp(Math.floor(start + slope * code), 0, 255)];
      }
      table[255] = missing;
      for (let i = 0; i < codes.length; i++) pixels[i] = table[codes[i]];
    } else {
      for (let i = 0; i < codes.length; i++) {
        const code = codes[i];
        const at = start + slope * code;
        pixels[i] = code === none ? missing : palette[at < 0 ? 0 : at > 255 ? 255 : at | 0];
      }
    }
    pane.brush.putImageData(pane.image, 0, 0);
  }

  // Enlarged cells stay sharp; where cells are smaller than pixels their colours are averaged.
  spread(pen, pane, box, ratio) {
    const wide = Math.max(1, Math.round((box.right - box.left) * ratio));
    const high = box.bottom - box.top;
    let source = pane.tile;
    if (this.columns > wide) {
      const between = (pane.between ??= document.createElement("canvas"));
      if (between.width !== wide || between.height !== this.rows) {
        between.width = wide;
        between.height = this.rows;
      }
      const brush = between.getContext("2d");
      brush.imageSmoothingQuality = "high";
      brush.drawImage(source, 0, 0, wide, this.rows);
      source = between;
    }
    pen.imageSmoothingEnabled = this.rows > high * ratio;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(source, box.left, box.top, box.right - box.left, high);
  }

  // Numbers at the cells' middles, or the given texts, as many as there is room for.
  axisTicks(given, start, count, room, each) {
    if (!given) {
      return ticks(start, start + count - 1, clamp(room / each, 1, 8), true).filter(
        (tick) => tick.at >= start && tick.at <= start + count - 1,
      );
    }
    const every = Math.max(1, Math.ceil((count * each) / room));
    return given
      .map((text, index) => ({ at: start + index, text }))
      .filter((_, index) => index % every === 0);
  }

  draw(pen, pane, theme, ratio) {
    this.paint(pane);
    const { size } = theme;
    const { width, height } = pane;
    const scale = ticks(...this.limits, clamp(height / (size * 3.5), 2, 8));
    const rowTicks = this.axisTicks(
      this.rowTicks, this.rowStart, this.rows, height - 4 * size, this.rowTicks ? size * 1.3 : size * 3,
    );
    const box = {
      head: 3, // a turned label reaches a little past its line
      foot: height,
      top: size * 0.7,
      left: size * 1.5 + 3 + widest(pen, rowTicks.map((tick) => tick.text)) + 8,
    };
    const bar = { width: size, label: size * 1.3, ticks: widest(pen, scale.map((t) => t.text)) + 8 };
    box.right = width - bar.width - bar.label - bar.ticks - size * 1.1;
    const cell = Math.max(box.right - box.left, 1) / this.columns;
    const longest = this.columnTicks ? widest(pen, this.columnTicks) : 0;
    const slant = longest > cell - 4;
    box.bottom = height - size * 2.9 - (slant && longest ? Math.max(longest * 0.71 - size * 0.6, 0) : 0);
    if (this.square) {
      const side = Math.min((box.right - box.left) / this.columns, (box.bottom - box.top) / this.rows);
      const spare = box.right - box.left - side * this.columns;
      box.head += spare / 2;
      box.left += spare / 2;
      box.right = box.left + side * this.columns;
      box.bottom = box.top + side * this.rows;
      box.foot = Math.min(height, box.bottom + height - (height - size * 2.9) + (slant ? longest * 0.71 : 0));
    }
    this.box = box;
    this.cell = [(box.right - box.left) / this.columns, (box.bottom - box.top) / this.rows];
    this.spread(pen, pane, box, ratio);
    const columnTicks = this.axisTicks(
      this.columnTicks, this.columnStart, this.columns, box.right - box.left,
      this.columnTicks ? (slant ? size * 1.4 : longest + 4) : size * 3.5,
    );
    axes(
      pen, box, theme,
      { ticks: columnTicks, place: (at) => box.left + (at - this.columnStart + 0.5) * this.cell[0],
        slant: slant && longest > 0 },
      { ticks: rowTicks, place: (at) => box.top + (at - this.rowStart + 0.5) * this.cell[1] },
      [this.labels[1], this.labels[0]],
    );
    this.drawScale(pen, pane, theme, scale, bar);
    if (this.numbers) this.writeCells(pen, pane, theme);
  }

  drawScale(pen, pane, theme, scale, bar) {
    const { box } = this;
    const [low, high] = this.limits;
    const left = box.right + theme.size * 1.1;
    const place = (at) => box.bottom - ((at - low) / (high - low)) * (box.bottom - box.top);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(pane.panel.strip(this.palette), left, box.top, bar.width, box.bottom - box.top);
    pen.strokeStyle = theme.line;
    pen.strokeRect(left, box.top, bar.width, box.bottom - box.top);
    const palette = pane.panel.scales[this.palette].names;
    const tip = (edge, height, colour) => {
      pen.fillStyle = colour;
      pen.beginPath();
      pen.moveTo(left, edge);
      pen.lineTo(left + bar.width / 2, edge + height);
      pen.lineTo(left + bar.width, edge);
      pen.fill();
    };
    // Values beyond the scale: its ends are drawn as arrows.
    if (this.beyond[0]) tip(box.bottom + 1, theme.size * 0.55, palette[0]);
    if (this.beyond[1]) tip(box.top - 1, -theme.size * 0.55, palette[1]);
    pen.strokeStyle = theme.text;
    pen.fillStyle = theme.text;
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    pen.beginPath();
    for (const tick of scale) {
      const y = place(tick.at);
      pen.moveTo(left + bar.width, y);
      pen.lineTo(left + bar.width + 4, y);
      pen.fillText(tick.text, left + bar.width + 7, y);
    }
    pen.stroke();
    pen.textAlign = "center";
    pen.textBaseline = "bottom";
    const across = left + bar.width + bar.ticks + bar.label;
    turned(pen, this.labels[2], across, (box.top + box.bottom) / 2, -Math.PI / 2);
  }

  cellText(value) {
    if (Number.isNaN(value)) return "";
    if (Math.abs(value - Math.round(value)) < this.step / 2) return written(Math.round(value), 1);
    return written(value, 0.01);
  }

  writeCells(pen, pane, theme) {
    if (this.rows * this.columns > 600 || this.cell[1] < theme.size * 1.4) return;
    const texts = [];
    for (let i = 0; i < this.rows * this.columns; i++) {
      texts.push(this.cellText(this.value(Math.floor(i / this.columns), i % this.columns)));
    }
    pen.font = theme.small;
    if (widest(pen, texts) > this.cell[0] - 4) return;
    const dark = pane.panel.dark(this.palette);
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    texts.forEach((text, i) => {
      const row = Math.floor(i / this.columns);
      const column = i % this.columns;
      pen.fillStyle = dark[this.shade(this.value(row, column))] ? "#fff" : "#000";
      pen.fillText(
        text, this.box.left + (column + 0.5) * this.cell[0], this.box.top + (row + 0.54) * this.cell[1],
      );
    });
  }

  locate(x, y) {
    const { box } = this;
    if (!box || x < box.left || x >= box.right || y < box.top || y >= box.bottom) return null;
    return {
      row: clamp(Math.floor((y - box.top) / this.cell[1]), 0, this.rows - 1),
      column: clamp(Math.floor((x - box.left) / this.cell[0]), 0, this.columns - 1),
    };
  }

  mark(pen, { row, column }) {
    const { box } = this;
    const wide = Math.max(this.cell[0], 3);
    const high = Math.max(this.cell[1], 3);
    const x = box.left + (column + 0.5) * this.cell[0];
    const y = box.top + (row + 0.5) * this.cell[1];
    for (const [colour, thick] of [["#fff", 3], ["#000", 1]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = thick;
      pen.beginPath();
      pen.moveTo(box.left, y);
      pen.lineTo(x - wide / 2, y);
      pen.moveTo(x + wide / 2, y);
      pen.lineTo(box.right, y);
      pen.moveTo(x, box.top);
      pen.lineTo(x, y - high / 2);
      pen.moveTo(x, y + high / 2);
      pen.lineTo(x, box.bottom);
      pen.globalAlpha = 0.55;
      pen.stroke();
      pen.globalAlpha = 1;
      pen.strokeRect(x - wide / 2, y - high / 2, wide, high);
    }
  }

  describe({ row, column }) {
    const down = this.rowTicks?.[row] ?? this.rowStart + row;
    const across = this.columnTicks?.[column] ?? this.columnStart + column;
    const cell = this.value(row, column);
    const said = (value, none = "masked") => (Number.isNaN(value) ? none : written(value, this.fine));
    const [rowLabel, columnLabel, valueLabel] = this.labels;
    const at = `${rowLabel} ${down}, ${columnLabel} ${across}: ${valueLabel}`;
    if (!this.pinned) return `${at} ${said(cell)}`;
    const { pinned, live = this } = this;
    const [oldRow, oldColumn] = [this.rowStart - pinned.rowStart, this.columnStart - pinned.columnStart];
    const old = said(pinned.within(row + oldRow, column + oldColumn), "none");
    if (live === this) return `${at} ${said(cell)} (pinned ${old})`;
    return `${at} ${said(cell, "none")} (live ${said(live.value(row, column))}, pinned ${old})`;
  }
}

// --- curves ----------------------------------------------------------------------------------

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
      pen.strokeStyle = pane.panel.colour(index);
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
    pen.strokeStyle = pane.panel.colour(index);
    pen.fillStyle = pen.strokeStyle;
    this.path(pen, this.x, y, DASHES[Math.floor(index / pane.panel.cycle.length)] ?? []);
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

// --- the surface -----------------------------------------------------------------------------

class Surface {
  constructor(model, el) {
    this.model = model;
    this.root = element("div", "posenc-views", el);
    if (model.get("tools")) this.toolbar = new Toolbar(model, this.root);
    this.messageLine = element("div", "posenc-message", this.root);
    this.messageLine.setAttribute("role", "status");
    this.grid = element("div", "posenc-grid", this.root);
    this.pinned = [];
    this.panes = [];
    this.width = 0;
    this.stale = { numbers: true, theme: true, picture: true, pointer: new Set() };
    this.drawn = 0;
    this.readPalettes(model.get("palettes"));
    this.sizes = new ResizeObserver((entries) => {
      for (const entry of entries) {
        if (entry.target === this.root) this.arrange(entry.contentRect.width);
        const pane = this.panes.find((candidate) => candidate.stage === entry.target);
        if (!pane) continue;
        pane.width = entry.contentRect.width;
        pane.height = entry.contentRect.height;
      }
      this.later(this.theme?.placed ? "picture" : "theme");
    });
    this.sizes.observe(this.root);
    this.themes = new MutationObserver(() => {
      this.later("theme");
      setTimeout(() => this.later("theme"), 250); // the new style sheet may still be loading
    });
    this.themes.observe(document.body, { attributes: true, attributeFilter: ["class", "data-jp-theme-name", "data-jp-theme-light", "data-vscode-theme-kind"] });
    this.zoomed = () => this.later("theme");
    window.addEventListener("resize", this.zoomed);
    this.newNumbers = () => this.later("numbers");
    this.newMessage = () => this.showMessage();
    this.newPin = () => {
      this.takePin();
      this.later("numbers");
    };
    this.newMode = () => {
      this.toolbar?.update();
      this.later("numbers");
      this.later("theme");
    };
    model.on("change:picture", this.newNumbers);
    model.on("change:pinned", this.newPin);
    model.on("change:heatmaps change:lecture", this.newMode);
    model.on("change:message", this.newMessage);
    this.showMessage();
    this.takePin();
    this.later("numbers");
  }

  close() {
    this.closed = true;
    this.sizes.disconnect();
    this.themes.disconnect();
    window.removeEventListener("resize", this.zoomed);
    this.model.off("change:picture", this.newNumbers);
    this.model.off("change:pinned", this.newPin);
    this.model.off("change:heatmaps change:lecture", this.newMode);
    this.model.off("change:message", this.newMessage);
  }

  // As many columns as fit, and the rows evenly filled: four views stand two by two.
  arrange(width = this.width) {
    this.width = width;
    if (!width || !this.panes.length) return;
    const least = this.lecture ? 480 : 360;
    const most = Math.max(1, Math.floor((width + 20) / least));
    const rows = Math.ceil(this.panes.length / most);
    const columns = Math.ceil(this.panes.length / rows);
    this.grid.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    const alone = columns === 2 && this.panes.length === 3; // the third takes a row of its own
    this.panes.forEach((pane, i) => {
      pane.figure.style.gridColumn = alone && i === 2 ? "1 / -1" : "";
    });
    const tallest = (rows > 1 && columns > 1 ? 340 : 440) * (this.lecture ? 1.4 : 1);
    this.grid.style.setProperty("--posenc-tallest", `${tallest}px`);
  }

  showMessage() {
    this.messageLine.textContent = this.model.get("message") ?? "";
  }

  readPalettes(sent) {
    this.cycle = sent.cycle;
    this.scales = {};
    for (const name of ["diverging", "sequential"]) {
      const bytes = numbers(sent[name], Uint8Array);
      const rgb = Array.from({ length: 256 }, (_, i) => bytes.subarray(3 * i, 3 * i + 3));
      this.scales[name] = {
        pixels: Uint32Array.from(rgb, ([r, g, b]) => 0xff000000 | (b << 16) | (g << 8) | r),
        names: [rgb[0], rgb[255]].map((colour) => `rgb(${[...colour].join(",")})`),
        dark: rgb.map(
          ([r, g, b]) =>
            0.2126 * (r / 255) ** 2.2 + 0.7152 * (g / 255) ** 2.2 + 0.0722 * (b / 255) ** 2.2 < 0.18,
        ),
      };
    }
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(sent.missing.slice(at, at + 2), 16));
    this.missing = (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
  }

  palette(name) {
    return this.scales[name].pixels;
  }

  dark(name) {
    return this.scales[name].dark;
  }

  colour(index) {
    return this.cycle[index % this.cycle.length];
  }

  // The colour scale as a picture one pixel wide, highest value on top.
  strip(name) {
    const palette = this.scales[name];
    if (!palette.strip) {
      palette.strip = document.createElement("canvas");
      palette.strip.width = 1;
      palette.strip.height = 256;
      const brush = palette.strip.getContext("2d");
      const image = brush.createImageData(1, 256);
      new Uint32Array(image.data.buffer).set(Array.from(palette.pixels).reverse());
      brush.putImageData(image, 0, 0);
    }
    return palette.strip;
  }

  point(pane) {
    this.stale.pointer.add(pane);
    this.later();
  }

  later(what) {
    if (what) this.stale[what] = true;
    if (this.waiting || this.closed) return;
    this.waiting = true;
    requestAnimationFrame(() => this.frame());
  }

  frame() {
    this.waiting = false;
    if (this.closed) return;
    const { numbers: fresh, theme, picture, pointer } = this.stale;
    this.stale = { numbers: false, theme: false, picture: false, pointer: new Set() };
    if (fresh) this.takeNumbers();
    if (theme || !this.theme) this.readTheme();
    if (fresh || theme || picture) {
      for (const pane of this.panes) pane.draw(this.theme);
      this.root.dataset.drawn = String(++this.drawn);
    } else {
      for (const pane of pointer) pane.read(this.theme);
    }
  }

  takeNumbers() {
    const views = this.model.get("picture")?.views ?? [];
    while (this.panes.length < views.length) {
      const pane = new Pane(this.grid, this);
      this.panes.push(pane);
      this.sizes.observe(pane.stage);
    }
    while (this.panes.length > views.length) {
      const pane = this.panes.pop();
      this.sizes.unobserve(pane.stage);
      pane.figure.remove();
    }
    if (this.arranged !== views.length) this.arrange();
    this.arranged = views.length;
    const mode = this.model.get("heatmaps") ?? "live";
    views.forEach((sent, i) => this.panes[i].take(sent, this.pinned[i], mode));
  }

  // The pinned numbers come once, and are read once.
  takePin() {
    this.pinned = (this.model.get("pinned")?.views ?? []).map(viewOf);
    this.toolbar?.update();
  }

  readTheme() {
    const lecture = Boolean(this.model.get("lecture"));
    const panel = this.root.closest(".posenc-panel") ?? this.root; // its controls grow too
    panel.classList.toggle("posenc-lecture", lecture);
    if (this.lecture !== lecture) {
      this.lecture = lecture;
      this.arrange();
    }
    const style = getComputedStyle(this.root);
    const size = parseFloat(style.fontSize) || 13;
    this.theme = {
      size,
      font: `${size}px ${style.fontFamily}`,
      small: `${size * 0.9}px ${style.fontFamily}`,
      text: style.color,
      line: style.getPropertyValue("--posenc-line").trim() || "#bdbdbd",
      bold: lecture ? 1.6 : 1,
      placed: this.root.isConnected, // before that no style applies
    };
  }
}

function render({ model, el }) {
  const surface = new Surface(model, el);
  return () => surface.close();
}

export default { render };
