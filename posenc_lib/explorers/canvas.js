// Draws the views of a panel: heat maps and curves from the numbers that the kernel sends, or that
// page.js computes.
// Nothing is fetched. One picture is drawn a frame, the newest, into canvases that are kept.

const HINT = "Point at the picture, or use the arrow keys, to read values.";
const NO_KERNEL = "These controls need a running kernel: open the notebook in JupyterLab and run this cell.";
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

// What a legend shows of a view: the name and the style of each curve.
const entries = (view) => (view?.legend ?? []).map((text, i) => [text, view.styles[i]]);

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
    this.writeLegend(entries(this.view), entries(behind));
  }

  writeLegend(legend, pinned) {
    const key = JSON.stringify([legend, pinned]);
    if (this.legendKey === key) return;
    this.legendKey = key;
    this.legend.replaceChildren();
    if (legend.length + pinned.length < 2) return;
    const add = (text, style, border) => {
      const item = element("span", "", this.legend);
      const line = element("i", "", item);
      line.style.borderTopColor = this.panel.colour(style);
      line.style.borderTopStyle = border;
      item.append(text);
      return line;
    };
    legend.forEach(([text, style]) =>
      add(text, style, BORDERS[Math.floor(style / this.panel.cycle.length)] ?? "solid"),
    );
    const several = pinned.length > 1; // then they take a row of their own
    if (several) {
      element("span", "posenc-break", this.legend);
      element("span", "", this.legend).append("(pinned)");
    }
    pinned.forEach(([text, style]) =>
      add(several ? text : `${text} (pinned)`, style, "dashed").classList.add("posenc-thin"),
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

// --- the surface -----------------------------------------------------------------------------

class Surface {
  constructor(model, el) {
    this.model = model;
    this.page = pagePanel(model);
    this.root = element("div", "posenc-views", el);
    if (model.get("tools")) this.toolbar = new Toolbar(model, this.root, this.page);
    this.messageLine = element("div", "posenc-message", this.root);
    this.messageLine.setAttribute("role", "status");
    this.kernelLine = element("div", "posenc-message", this.root);
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
    this.newKernel = () => this.later("theme");
    this.layout = model.get("layout");
    this.layout?.on?.("comm_live_update", this.newKernel);
    this.showMessage();
    this.takePin();
    this.newSettings = () => this.page?.heard();
    model.on("change:settings", this.newSettings);
    this.page?.open(this).catch(console.error);
    this.later("numbers");
  }

  close() {
    this.closed = true;
    this.page?.close(this);
    this.model.off("change:settings", this.newSettings);
    this.sizes.disconnect();
    this.themes.disconnect();
    window.removeEventListener("resize", this.zoomed);
    this.model.off("change:picture", this.newNumbers);
    this.model.off("change:pinned", this.newPin);
    this.model.off("change:heatmaps change:lecture", this.newMode);
    this.model.off("change:message", this.newMessage);
    this.layout?.off?.("comm_live_update", this.newKernel);
  }

  // As many columns as fit, and the rows evenly filled: four views stand two by two.
  arrange(width = this.width) {
    this.width = width;
    if (!width || !this.panes.length) return;
    const least = this.lecture ? 450 : 360;
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

  // Whether the numbers cannot change: nobody computes them.
  get still() {
    return !this.page && !hasKernel(this.model);
  }

  showKernel(panel) {
    this.kernelLine.textContent = this.still ? NO_KERNEL : "";
    this.toolbar?.stand(this.still);
    panel.querySelector(".posenc-controls")?.toggleAttribute("inert", this.still);
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
      tendControls(this.root.closest(".posenc-panel"));
      this.root.dataset.drawn = String(++this.drawn);
    } else {
      for (const pane of pointer) pane.read(this.theme);
    }
  }

  takeNumbers() {
    const views = this.page?.views() ?? this.model.get("picture")?.views ?? [];
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

  // The pinned numbers are read once.
  takePin() {
    this.pinned = (this.page?.pinned() ?? this.model.get("pinned")?.views ?? []).map(viewOf);
    this.toolbar?.update();
  }

  readTheme() {
    const lecture = Boolean(this.model.get("lecture"));
    const panel = this.root.closest(".posenc-panel") ?? this.root; // its controls grow too
    panel.classList.toggle("posenc-lecture", lecture);
    this.showKernel(panel);
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
