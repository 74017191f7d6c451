// One view's place in the page: caption, picture, marks over it, legend. A hand points, taps, drags.

function element(tag, name, parent) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  parent.append(made);
  return made;
}

class Pane {
  constructor(parent, surface) {
    this.surface = surface;
    this.figure = element("figure", "posenc-pane", parent);
    this.caption = element("figcaption", "", this.figure);
    this.stage = element("div", "posenc-stage", this.figure);
    this.canvas = element("canvas", "posenc-canvas", this.stage);
    this.overlay = element("canvas", "posenc-overlay", this.stage);
    this.legend = element("div", "posenc-legend", this.figure);
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    keepKeys(this.canvas); // JupyterLab's arrow keys
    this.overlay.setAttribute("aria-hidden", "true");
    this.context = this.canvas.getContext("2d");
    this.above = this.overlay.getContext("2d");
    this.tile = document.createElement("canvas");
    this.cursor = null; // the cell or point being read
    this.pointer = null; // where the pointer rests, so that new numbers are read there
    this.width = 0;
    this.height = 0;
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.hover(event));
    canvas.addEventListener("pointerup", () => (this.held = null));
    canvas.addEventListener("pointercancel", () => (this.held = null));
    canvas.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse" && !this.held) this.leave(); // a tap stays to be read
    });
    canvas.addEventListener("blur", () => this.leave());
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  leave() {
    this.pointer = null;
    this.cursor = null;
    this.surface.read(this);
  }

  hover(event) {
    const at = [event.offsetX, event.offsetY];
    if (event.pointerType !== "mouse" && !this.held) return;
    this.pointer = at;
    this.surface.read(this);
    if (!this.held) return;
    if (this.view.drag) {
      const change = this.view.drag(this.held.cursor, this.held.at, at);
      if (change) this.surface.turn(this.view, this.held.cursor, change);
      this.held.at = at;
    } else this.choose(this.view.locate(...at));
  }

  // A tap reads, and chooses where there is something to choose. Dragging goes on choosing.
  press(event) {
    if (event.button) return;
    const at = [event.offsetX, event.offsetY];
    this.pointer = at;
    const cursor = this.view?.locate(...at);
    this.surface.machine.stop();
    if (cursor && this.chooses) {
      this.held = { at, cursor };
      this.canvas.setPointerCapture(event.pointerId);
      if (!this.view.drag) this.choose(cursor);
    }
    this.surface.read(this);
  }

  get chooses() {
    return this.view?.picks?.some(Boolean);
  }

  choose(cursor) {
    if (!cursor) return;
    this.view.choices(cursor).forEach(([at, index], axis) => {
      const pick = this.view.picks[axis];
      const [name, settings] = Array.isArray(pick) ? pick : [pick];
      const value = settings ? settings[index] : at; // null: what stands there sets nothing
      if (name && value !== null) this.surface.machine.pick(name, value, index);
    });
  }

  key(event) {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (event.key === "Escape") this.leave();
    if (!this.view) return;
    if ((event.key === "Enter" || event.key === " ") && this.chooses && this.cursor) {
      event.preventDefault();
      event.stopPropagation();
      this.choose(this.cursor);
    }
    if (!(event.key in moves)) return;
    event.preventDefault();
    event.stopPropagation();
    const [down, right] = moves[event.key];
    const { rows, columns } = this.view;
    const from = this.cursor ?? { row: -down, column: -right }; // the first key: the first cell
    this.pointer = null;
    this.cursor = {
      row: clamp(from.row + down, 0, rows - 1),
      column: clamp(from.column + right, 0, columns - 1),
    };
    this.surface.read(this, true);
  }

  take(sent, pinned, mode, resting) {
    this.view = beside(viewOf(sent), pinned, mode);
    const { note = "", alt } = this.view;
    const name = word(this.view.name);
    if (this.caption.textContent !== name + note) {
      if (this.caption.textContent.length !== (name + note).length) this.surface.stale.places = true;
      this.caption.textContent = name + note;
    }
    const behind = this.view.kind === "heatmap" ? null : this.view.pinned;
    if (!pinned) this.view.resting = restingOf(this.view, resting);
    this.canvas.setAttribute("aria-label", behind ? `${alt} Dashed, pinned: ${behind.alt}` : alt);
    this.canvas.classList.toggle("posenc-chooses", Boolean(this.chooses));
    const grey = this.view.kind === "heatmap" && this.view.hasNone ? this.view.greyWord : "";
    this.writeLegend(entries(this.view), entries(behind), grey);
  }

  writeLegend(legend, pinned, grey) {
    const key = JSON.stringify([legend, pinned, grey]);
    if (this.legendKey === key) return;
    this.legendKey = key;
    this.legendWidth = 0;
    this.surface.stale.places = true;
    this.legend.replaceChildren();
    if (grey) {
      element("i", "posenc-grey", element("span", "", this.legend)).after(word(grey));
      this.legendWidth = 44 + 6.5 * grey.length;
    }
    if (legend.length + pinned.length < 2) return;
    const add = (text, style, thin) => {
      const item = element("span", "", this.legend);
      item.insertAdjacentHTML("afterbegin", swatch(style, this.surface.colour(style), thin));
      item.append(word(text));
      this.legendWidth += 44 + 6.5 * text.length;
    };
    legend.forEach(([text, style], i) => {
      add(text, style, false);
      if (this.view.picks[1]) this.chooseByLegend(this.legend.lastChild, i);
    });
    const several = pinned.length > 1; // then they take a row of their own
    if (several) {
      element("span", "posenc-break", this.legend);
      element("span", "", this.legend).append(word("(pinned)"));
    }
    pinned.forEach(([text, style]) => add(several ? text : `${text} (pinned)`, style, true));
  }

  // Two pictures with the same many curves share one legend, below the first.
  shareLegend(before) {
    const many = this.view.legend?.length > 4;
    const same = many && before.some((pane) => pane.legendKey === this.legendKey);
    if (this.legend.hidden !== same) this.surface.stale.places = true;
    this.legend.hidden = same;
  }

  chooseByLegend(item, index) {
    item.classList.add("posenc-chooses");
    item.addEventListener("click", () => {
      const name = this.view.picks[1];
      const control = this.surface.machine.named.get(name);
      const { minimum = 0, step = 1 } = control ?? {};
      if (name) this.surface.machine.pick(name, minimum + index * step, index);
    });
  }

  draw(theme) {
    if (!this.width || !this.view) return;
    const { dots: ratio } = this.surface;
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
  }

  // The cell or point under the pointer or the keys, if it is still there.
  reading() {
    if (!this.width || !this.view) return null;
    if (this.pointer) this.cursor = this.view.locate(...this.pointer);
    const { cursor, view } = this;
    return cursor && cursor.row < view.rows && cursor.column < view.columns ? cursor : null;
  }

  // The crosshair over the picture, or a light one where another picture is being read.
  cross(cursor, theme, light = false) {
    const { dots: ratio } = this.surface;
    const pen = this.above;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    if (cursor && this.view?.box) this.view.mark(pen, cursor, theme, light); // drawn, so it has one
  }
}

// What a legend shows of a view: the name and the style of each curve.
const entries = (view) => (view?.legend ?? []).map((text, i) => [text, view.styles?.[i] ?? i]);

// The view as it stood before the hand began to move, where this one can show it lightly.
function restingOf(view, sent) {
  if (sent?.kind !== view.kind || !view.restsOn) return null;
  const old = viewOf(sent);
  return quantity(old) === quantity(view) && view.restsOn(old) ? old : null;
}
