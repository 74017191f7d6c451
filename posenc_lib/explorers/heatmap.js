// A matrix as coloured cells: its axes, its colour scale, the numbers in the cells, the readout.

const MARKED_CELLS = 2_500;
const [THIN, ARROW] = [6, 6]; // pixels: a row that a frame would hide; what points at it instead

// The text of a place, with its number where others have the same text.
function placed(given, at, start) {
  if (!given) return start + at;
  const alone = given.indexOf(given[at]) === given.lastIndexOf(given[at]);
  return alone ? given[at] : `${given[at]} (${start + at})`;
}

function arrow(pen, theme, ...corners) {
  pen.beginPath();
  corners.forEach((corner) => pen.lineTo(...corner));
  pen.closePath();
  pen.fillStyle = theme.text;
  pen.strokeStyle = theme.ground;
  pen.lineWidth = 2;
  pen.stroke();
  pen.fill();
}

class HeatmapView {
  constructor(sent) {
    this.sent = sent;
    Object.assign(this, sent);
    [this.rows, this.columns] = sent.shape;
    this.exact = sent.values; // where the page made them itself
    if (sent.colours) this.colours = numbers(sent.colours, Uint32Array);
    this.codes = numbers(sent.codes, sent.bytes === 1 ? Uint8Array : Uint16Array);
    this.none = sent.bytes === 1 ? 255 : 65535;
    [this.rowStart, this.columnStart] = sent.starts;
    [this.rowTicks, this.columnTicks] = sent.ticks;
    this.fine = sent.whole ? 1 : 10 ** Math.ceil(Math.log10(sent.step));
  }

  get hasNone() {
    return this.codes.includes(this.none);
  }

  // What grey means here.
  get greyWord() {
    return this.labels[0] === "query" ? "grey: masked, this query does not see that key" : "grey: no value";
  }

  value(row, column) {
    if (this.exact) return this.exact[row * this.columns + column];
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
    const palette = pane.surface.palette(this.palette);
    const missing = pane.surface.missing;
    if (this.colours) {
      this.colours.forEach((rgb, i) => {
        const turned = ((rgb & 255) << 16) | (rgb & 0xff00) | (rgb >>> 16); // the page's order
        pixels[i] = codes[i] === none ? missing : turned | 0xff000000;
      });
      pane.brush.putImageData(pane.image, 0, 0);
      return;
    }
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
    const line = this.rowTicks ? size * 1.3 : size * 3;
    let rowTicks = this.axisTicks(this.rowTicks, this.rowStart, this.rows, height - 4 * size, line);
    const box = {
      head: 3, // a turned label reaches a little past its line
      foot: height,
      wide: width,
      top: size * 0.7,
      left: size * 1.5 + 3 + widest(pen, rowTicks.map((tick) => tick.text)) + 8,
    };
    const bar = { width: size, label: size * 1.3, ticks: widest(pen, scale.map((t) => t.text)) + 8 };
    box.right = width - (this.colours ? size : bar.width + bar.label + bar.ticks + size * 1.1);
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
    rowTicks = this.axisTicks(this.rowTicks, this.rowStart, this.rows, box.bottom - box.top, line);
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
    if (!this.colours) this.drawScale(pen, pane, theme, scale, bar);
    if (this.numbers) this.writeCells(pen, pane, theme);
    if (this.resting) this.markChanges(pen, pane, theme);
    for (const mark of this.marks ?? []) this.outline(pen, mark, theme);
  }

  // Whether the cells of an earlier view are these, and few enough to be marked one by one.
  restsOn(old) {
    const alike = old.rows === this.rows && old.columns === this.columns;
    return alike && this.rows * this.columns <= MARKED_CELLS;
  }

  // A corner on every cell that is another one than before the hand began to move.
  markChanges(pen, pane, theme) {
    const [wide, high] = this.cell;
    const side = Math.min(0.22 * Math.min(wide, high), 0.5 * theme.size);
    if (side < 2) return;
    const dark = pane.surface.dark(this.palette);
    for (let i = 0; i < this.rows * this.columns; i++) {
      const [row, column] = [Math.floor(i / this.columns), i % this.columns];
      if (!this.changed(row, column)) continue;
      const [x, y] = [this.box.left + (column + 1) * wide, this.box.top + row * high];
      pen.fillStyle = dark[this.shade(this.value(row, column))] ? "#fff" : "#000";
      pen.globalAlpha = 0.6;
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(x - side, y);
      pen.lineTo(x, y + side);
      pen.fill();
    }
    pen.globalAlpha = 1;
  }

  // By more than the eye sees: a fiftieth of the scale, or from or to no value.
  changed(row, column) {
    const [old, now] = [this.resting.value(row, column), this.value(row, column)];
    if (Number.isNaN(old) || Number.isNaN(now)) return Number.isNaN(old) !== Number.isNaN(now);
    return Math.abs(now - old) > 0.02 * (this.limits[1] - this.limits[0]);
  }

  // A chosen cell, row or column (the other one is null), by its numbers on the axes.
  outline(pen, [row, column], theme) {
    const { box, rows, columns } = this;
    const [down, right] = [row - this.rowStart, column - this.columnStart];
    if (row !== null && (down < 0 || down >= rows)) return;
    if (column !== null && (right < 0 || right >= columns)) return;
    if (column === null && this.cell[1] < THIN) return this.pointAtRow(pen, down, theme);
    if (row === null && this.cell[0] < THIN) return this.pointAtColumn(pen, right, theme);
    const wide = column === null ? box.right - box.left : Math.max(this.cell[0], 4);
    const high = row === null ? box.bottom - box.top : Math.max(this.cell[1], 4);
    const x = column === null ? box.left : box.left + (right + 0.5) * this.cell[0] - wide / 2;
    const y = row === null ? box.top : box.top + (down + 0.5) * this.cell[1] - high / 2;
    for (const [colour, thick] of [["#000", 4], ["#fff", 2]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = thick * Math.min(theme.bold, 1.3);
      pen.strokeRect(x, y, wide, high);
    }
  }

  // A frame would hide a thin row and its neighbours: an arrow at each end points at it.
  pointAtRow(pen, down, theme) {
    const y = this.box.top + (down + 0.5) * this.cell[1];
    for (const [x, way] of [[this.box.left, -1], [this.box.right, 1]]) {
      arrow(pen, theme, [x, y], [x + way * ARROW, y - 4], [x + way * ARROW, y + 4]);
    }
  }

  pointAtColumn(pen, right, theme) {
    const x = this.box.left + (right + 0.5) * this.cell[0];
    for (const [y, way] of [[this.box.top, -1], [this.box.bottom, 1]]) {
      arrow(pen, theme, [x, y], [x - 4, y + way * ARROW], [x + 4, y + way * ARROW]);
    }
  }

  // What a tap here chooses: [number on the axis, place among the options], for row and column.
  choices({ row, column }) {
    return [[this.rowStart + row, row], [this.columnStart + column, column]];
  }

  get axes() {
    return [axisOf(this.labels[0]), axisOf(this.labels[1])];
  }

  // The numbers on the axes of a cell, and what follows from them.
  places({ row, column }) {
    const [down, across] = this.axes;
    const found = { [across]: this.columnStart + column, [down]: this.rowStart + row };
    if (down === "query" && across === "key") found[DISTANCE] = found.key - found.query;
    return found;
  }

  // The cell, row or column that has these places, to be marked lightly.
  find(places) {
    const [down, across] = this.axes;
    const inside = (at, count) => (at >= 0 && at < count ? at : null);
    const row = inside(places[down] - this.rowStart, this.rows);
    const column = inside(places[across] - this.columnStart, this.columns);
    const diagonal = row === null && column === null && down === "query" && across === "key";
    if (diagonal && DISTANCE in places) return { distance: places[DISTANCE] };
    return row === null && column === null ? null : { row, column };
  }

  // All pairs of one distance.
  markDiagonal(pen, distance) {
    const { box } = this;
    const [wide, high] = this.cell;
    pen.beginPath();
    for (let row = 0; row < this.rows; row++) {
      const column = this.rowStart + row + distance - this.columnStart;
      if (column < 0 || column >= this.columns) continue;
      pen.rect(box.left + column * wide, box.top + row * high, wide, high);
    }
    pen.strokeStyle = "#000";
    pen.lineWidth = 3;
    pen.stroke();
    pen.strokeStyle = "#fff";
    pen.lineWidth = 1;
    pen.stroke();
  }

  drawScale(pen, pane, theme, scale, bar) {
    const { box } = this;
    const [low, high] = this.limits;
    const left = box.right + theme.size * 1.1;
    const place = (at) => box.bottom - ((at - low) / (high - low)) * (box.bottom - box.top);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(pane.surface.strip(this.palette), left, box.top, bar.width, box.bottom - box.top);
    pen.strokeStyle = theme.line;
    pen.strokeRect(left, box.top, bar.width, box.bottom - box.top);
    const palette = pane.surface.scales[this.palette].names;
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
    const middle = (box.top + box.bottom) / 2;
    const said = word(this.labels[2]);
    const turn = (label, y) => turned(pen, label, across, y, -Math.PI / 2);
    fitted(pen, said, box.bottom + theme.size, turn, middle); // not beside the label below the box
  }

  cellText(value) {
    if (Number.isNaN(value)) return "";
    if (Math.abs(value - Math.round(value)) < this.step / 2) return written(Math.round(value), 1);
    return written(value, 0.01);
  }

  writeCells(pen, pane, theme) {
    const least = theme.size * (this.texts ? 0.75 : 1.4);
    if (this.rows * this.columns > 600 || this.cell[1] < least) return;
    const low = Math.min(1, this.cell[1] / (1.05 * theme.size)); // words are written smaller there
    const texts = [];
    for (let i = 0; i < this.rows * this.columns; i++) {
      const [row, column] = [Math.floor(i / this.columns), i % this.columns];
      texts.push(this.texts?.[row][column] ?? this.cellText(this.value(row, column)));
    }
    pen.font = theme.small.replace(/[\d.]+/, (size) => size * low);
    const room = this.cell[0] - 4;
    if (!this.texts && widest(pen, texts) > room) return;
    const dark = pane.surface.dark(this.palette);
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    texts.forEach((text, i) => {
      const row = Math.floor(i / this.columns);
      const column = i % this.columns;
      pen.fillStyle = dark[this.shade(this.value(row, column))] ? "#fff" : "#000";
      pen.fillText(
        text, this.box.left + (column + 0.5) * this.cell[0], this.box.top + (row + 0.54) * this.cell[1],
        room, // a long word of a sentence is written narrower
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

  mark(pen, { row, column, distance }, theme, light = false) {
    if (distance !== undefined) return this.markDiagonal(pen, distance);
    const { box } = this;
    if (row === null || column === null) {
      return this.outline(pen, [row === null ? null : row + this.rowStart, column === null ? null : column + this.columnStart], theme);
    }
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
    const down = placed(this.rowTicks, row, this.rowStart);
    const across = placed(this.columnTicks, column, this.columnStart);
    const cell = this.value(row, column);
    const said = (value, none = word("masked (not seen)")) =>
      Number.isNaN(value) ? none : written(value, this.fine);
    const [rowLabel, columnLabel, valueLabel] = this.labels.map(word);
    const text = this.texts ? ` '${this.texts[row][column]}',` : "";
    const at = `${rowLabel} ${down}, ${columnLabel} ${across}:${text} ${valueLabel}`;
    if (!this.pinned) {
      const before = this.resting && this.changed(row, column);
      return `${at} ${said(cell)}${before ? ` (${word("before")} ${said(this.resting.value(row, column))})` : ""}`;
    }
    const { pinned, live = this } = this;
    const [oldRow, oldColumn] = [this.rowStart - pinned.rowStart, this.columnStart - pinned.columnStart];
    const old = said(pinned.within(row + oldRow, column + oldColumn), word("none"));
    if (live === this) return `${at} ${said(cell)} (${word("pinned")} ${old})`;
    const both = `${word("live")} ${said(live.value(row, column))}, ${word("pinned")} ${old}`;
    return `${at} ${said(cell, word("none"))} (${both})`;
  }
}
