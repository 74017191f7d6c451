// A panel in the page: its head, its controls, its buttons and its pictures.
// Nothing is fetched. One picture is drawn a frame, the newest, into canvases that are kept.

const HINT = "Point, tap or use the arrow keys to read a value."; // one line in a narrow notebook
const PALE = "Pale lines and marked corners: before your last move.";
const NO_KERNEL = "This panel computes in the kernel, and none is running: run the set-up cell at the top, then the cell of this panel.";
const NEVER_A_KERNEL = "This panel stands still, because it computes in the kernel and this page has none: open the notebook in JupyterLab to move it.";
const THEMES = { attributes: true, attributeFilter: ["class", "data-theme", "data-jp-theme-name", "data-jp-theme-light", "data-vscode-theme-kind"] };

const longest = (texts) => Math.max(0, ...(texts ?? []).map((text) => text.length));

class Surface {
  constructor(model, el) {
    this.model = model;
    this.machine = machineOf(model);
    const { machine } = this;
    this.root = element("div", "posenc-panel", el);
    this.build();
    this.pinned = [];
    this.panes = [];
    this.stale = { numbers: true, theme: true, picture: true, places: true, pointer: false };
    this.drawn = 0;
    this.readPalettes(model.get("palettes"));
    this.sizes = new ResizeObserver((entries) => {
      for (const entry of entries) {
        const pane = this.panes.find((candidate) => candidate.stage === entry.target);
        if (pane) {
          pane.width = entry.contentRect.width;
          pane.height = entry.contentRect.height;
        } else this.stale.places = true;
      }
      this.later(this.theme?.placed ? "picture" : "theme");
    });
    this.sizes.observe(this.root);
    this.themes = new MutationObserver(() => {
      this.later("theme");
      setTimeout(() => this.later("theme"), 250); // the new style sheet may still be loading
    });
    this.themes.observe(document.documentElement, THEMES);
    this.themes.observe(document.body, THEMES);
    this.listen();
    machine.open(this);
    this.showMessage();
    this.takePin();
    if (window.posencLargeText && !model.get("lecture")) this.large(true);
    this.later("numbers");
  }

  build() {
    const { machine, root } = this;
    const head = element("div", "posenc-head", root);
    element("strong", "posenc-title", head).textContent = word(machine.title);
    if (machine.question) element("p", "posenc-question", head).textContent = word(machine.question);
    this.body = element("div", "posenc-body", root);
    this.side = element("div", "posenc-side", this.body);
    const front = element("div", "posenc-controls", this.side);
    const others = machine.controls.filter(({ name }) => !machine.front.includes(name));
    this.more = element("details", "posenc-more", this.side);
    element("summary", "", this.more).textContent = word("More");
    keepKeys(this.more.firstChild);
    const more = element("div", "posenc-controls", this.more);
    this.more.hidden = !others.length;
    this.more.addEventListener("toggle", () => this.later("places"));
    this.controls = machine.controls.map(
      (control) => new ControlRow(machine, control, others.includes(control) ? more : front),
    );
    this.toolbar = new Toolbar(machine, this.side);
    this.views = element("div", "posenc-views", this.body);
    this.says = element("div", "posenc-says", this.views);
    this.readout = element("div", "posenc-readout posenc-hint", this.says);
    this.readout.textContent = word(HINT);
    this.messageLine = element("div", "posenc-message", this.says);
    this.messageLine.setAttribute("role", "status");
    this.grid = element("div", "posenc-grid", this.views);
  }

  listen() {
    const { model, machine } = this;
    const numbers = () => this.later("numbers");
    this.heard = [
      ["change:picture", numbers],
      ["change:settings", () => machine.heard()],
      ["change:answered", () => machine.answered()],
      ["change:message", () => this.showMessage()],
      ["change:pinned", () => {
        this.takePin();
        this.later("numbers");
      }],
      ["change:heatmaps change:lecture", () => {
        this.toolbar.update();
        this.stale.places = true;
        this.later("numbers");
        this.later("theme");
      }],
    ];
    for (const [what, act] of this.heard) model.on(what, act);
    this.kernel = () => this.later("theme");
    this.layout = model.get("layout");
    this.layout?.on?.("comm_live_update", this.kernel);
    this.resized = () => {
      this.stale.places = true;
      this.later("theme");
    };
    this.lectured = (event) => this.large(event.detail);
    window.addEventListener("resize", this.resized);
    window.addEventListener(LECTURE, this.lectured);
    if (machine.compute) return;
    this.watch = setInterval(() => { // nobody tells of a kernel that was shut down
      if (machine.still !== this.wasStill) this.later("theme");
    }, 1000);
  }

  close() {
    this.closed = true;
    clearInterval(this.watch);
    this.machine.close(this);
    this.sizes.disconnect();
    this.themes.disconnect();
    window.removeEventListener("resize", this.resized);
    window.removeEventListener(LECTURE, this.lectured);
    for (const [what, act] of this.heard) this.model.off(what, act);
    this.layout?.off?.("comm_live_update", this.kernel);
  }

  // Large text holds for every panel in the page, also for those that come later.
  large(on) {
    window.posencLargeText = on;
    if (Boolean(this.model.get("lecture")) === on) return;
    this.model.set("lecture", on);
    this.model.save_changes();
  }

  // --- places ----------------------------------------------------------------------------------

  arrange() {
    const { root, says } = this;
    const whole = root.closest(WHOLE) !== null;
    const width = whole ? root.clientWidth - 2 : this.body.clientWidth;
    if (!width || !this.panes.length) return;
    const line = this.theme.size;
    const room = roomOf(root);
    this.frame ??= root.closest(FRAME);
    if (this.frame && !this.framed) {
      this.framed = true;
      this.sizes.observe(this.frame);
    }
    root.dataset.place = whole ? "whole" : "top";
    const head = whole ? 0 : root.querySelector(".posenc-head").offsetHeight;
    const common = head + says.offsetHeight + 16;
    const tops = { top: common + this.side.offsetHeight, side: common };
    const grown = this.lecture ? 1.6 : 1;
    const pictures = this.panes.map(({ view, caption, legend, legendWidth }) => ({
      square: Boolean(view.square),
      caption: caption.textContent.length * 0.62 * line,
      legend: legend.hidden ? 0 : legendWidth * grown,
      edges: view.kind === "heatmap" ? 5 * line + 58 : 2.6 * line + 46,
      beside: Math.max(0, longest(view.rowTicks) * 0.6 * line - 30), // room for a number is there
      below: longest(view.columnTicks) > 2 ? longest(view.columnTicks) * 0.4 * line : 0, // they slant
    }));
    const large = Boolean(this.lecture);
    const best = arrangement({ width, room, tops, pictures, line, large, whole });
    const told = JSON.stringify([best, room, head]);
    const high = told === this.told ? this.high : best.height; // what stands is not laid out again
    this.told = told;
    root.dataset.place = whole ? "whole" : best.place;
    root.style.setProperty("--posenc-side", `${best.side}px`);
    root.style.setProperty("--posenc-high", `${high}px`);
    root.style.setProperty("--posenc-room", `${room - head - 10}px`);
    let first = 0;
    best.rows.forEach((inRow, row) => {
      const own = this.panes.slice(first, first + inRow);
      const lines = pictures.slice(first, first + inRow).map(({ caption }) => Math.ceil(caption / best.cells[row]));
      for (const pane of own) {
        pane.figure.style.width = `${best.cells[row]}px`; // whole: text stays sharp
        pane.caption.style.minHeight = `${Math.max(...lines) * 1.4}em`;
      }
      first += inRow;
    });
    // What was estimated is measured: legends may have taken more lines.
    this.high = high;
    if (!best.fits) return;
    const spent = head + this.views.offsetHeight + (best.place === "top" ? this.side.offsetHeight : 0);
    const each = Math.floor((room - spent - 12) / best.rows.length);
    this.high = clamp(high + each, LEAST - 20, Math.round(Math.max(...best.cells) * 0.85));
    root.style.setProperty("--posenc-high", `${this.high}px`);
  }

  ratio() { // in a deck the stage is scaled: its pixels are smaller or larger than they say
    const scaled = this.root.offsetWidth ? this.root.getBoundingClientRect().width / this.root.offsetWidth : 1;
    return (window.devicePixelRatio || 1) * (Math.abs(scaled - 1) < 0.01 ? 1 : scaled);
  }

  // --- words -----------------------------------------------------------------------------------

  showMessage() {
    const why = inPage(this.model) ? NEVER_A_KERNEL : NO_KERNEL;
    const message = this.machine.still ? word(why) : this.model.get("message") ?? "";
    if (this.messageLine.textContent !== message) this.messageLine.textContent = message;
    this.says.classList.toggle("posenc-told", Boolean(message));
  }

  showControls() {
    for (const control of this.controls) control.update();
  }

  showKernel() {
    this.wasStill = this.machine.still;
    this.toolbar.stand(this.machine.still);
    this.root.classList.toggle("posenc-still-panel", this.machine.still);
    this.showMessage();
  }

  // --- reading ---------------------------------------------------------------------------------

  // Another cell or point is read; `keys`: with the arrow keys, so a screen reader says it.
  read(pane, keys = false) {
    this.readout.setAttribute("aria-live", keys ? "polite" : "off");
    if (this.reader && this.reader !== pane && !pane.cursor && !pane.pointer) return;
    this.reader = pane;
    this.later("pointer");
  }

  // The crosshair in the picture being read, and the same query, key or distance in the others.
  readAll() {
    const cursor = this.reader?.reading() ?? null;
    const places = cursor ? this.reader.view.places?.(cursor) ?? {} : null;
    for (const pane of this.panes) {
      if (pane === this.reader) pane.cross(cursor, this.theme);
      else pane.cross(places && pane.view?.find?.(places), this.theme, true);
    }
    const pale = this.panes.some(({ view }) => view?.resting);
    const text = cursor ? this.reader.view.describe(cursor) : word(pale ? PALE : HINT);
    if (this.readout.textContent !== text) this.readout.textContent = text;
    this.readout.classList.toggle("posenc-hint", !cursor);
  }

  // A hand of a clock was turned by so many radians: its control follows.
  turn(view, cursor, angle) {
    const name = view.picks[0];
    const rate = view.rates?.[cursor.column];
    if (!name || !rate) return;
    const { machine } = this;
    const from = this.turning?.name === name ? this.turning.at : machine.shown[name];
    const near = Math.abs(from - machine.shown[name]) < 1 ? from : machine.shown[name];
    this.turning = { name, at: near + angle / rate };
    machine.pick(name, this.turning.at);
  }

  // --- colours ---------------------------------------------------------------------------------

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

  readTheme() {
    const lecture = Boolean(this.model.get("lecture"));
    this.root.classList.toggle("posenc-lecture", lecture);
    this.lecture = lecture;
    this.stale.places = true;
    this.showKernel();
    const style = getComputedStyle(this.root);
    const size = parseFloat(style.fontSize) || 13;
    this.theme = {
      size,
      font: `${size}px ${style.fontFamily}`,
      small: `${size * 0.9}px ${style.fontFamily}`,
      text: style.color,
      line: style.getPropertyValue("--posenc-line").trim() || "#bdbdbd",
      ground: getComputedStyle(this.messageLine).backgroundColor,
      bold: lecture ? 1.6 : 1,
      placed: this.root.isConnected, // before that no style applies
    };
  }

  // --- frames ----------------------------------------------------------------------------------

  later(what) {
    if (what) this.stale[what] = true;
    if (this.waiting || this.closed) return;
    this.waiting = true;
    requestAnimationFrame(() => this.redraw());
  }

  drawNumbers() {
    this.stale.numbers = true;
    this.redraw();
  }

  redraw() {
    this.waiting = false;
    if (this.closed) return;
    const fresh = this.stale.numbers;
    if (fresh) this.takeNumbers();
    if (this.stale.theme || !this.theme) this.readTheme();
    const { theme, picture, places } = this.stale;
    this.stale = { numbers: false, theme: false, picture: false, places: false, pointer: false };
    if (places) this.arrange();
    if (fresh || theme) this.showControls();
    this.dots = this.ratio(); // the page is laid out here, once a frame: what follows only draws
    if (fresh || theme || picture || places) {
      for (const pane of this.panes) pane.draw(this.theme);
      this.root.dataset.drawn = String(++this.drawn);
    }
    this.readAll();
  }

  takeNumbers() {
    const views = this.machine.views();
    while (this.panes.length < views.length) {
      const pane = new Pane(this.grid, this);
      this.panes.push(pane);
      this.sizes.observe(pane.stage);
      this.stale.places = true;
    }
    while (this.panes.length > views.length) {
      const pane = this.panes.pop();
      this.sizes.unobserve(pane.stage);
      pane.figure.remove();
      this.stale.places = true;
    }
    const mode = this.model.get("heatmaps") ?? "live";
    const resting = this.machine.resting ?? [];
    views.forEach((sent, i) => this.panes[i].take(sent, this.pinned[i], mode, resting[i]));
    this.panes.forEach((pane, i) => pane.shareLegend(this.panes.slice(0, i)));
  }

  // The pinned numbers are read once.
  takePin() {
    this.pinned = this.machine.pinned().map(viewOf);
    this.toolbar.update();
    this.stale.places = true;
  }
}

function render({ model, el }) {
  const surface = new Surface(model, el);
  return () => surface.close();
}

export default { render };
