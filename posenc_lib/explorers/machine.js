// Where a panel stands, shared by all its views in the page: what a hand wants is taken, refused in
// words, or sent to the kernel. The kernel hears of every move; what it sets from code comes back
// with a new count.

const machines = new WeakMap(); // two views of one panel are one panel

function machineOf(model) {
  const layout = model.get("layout"); // of all that belongs to a panel, this object stays the same
  const key = layout && typeof layout === "object" ? layout : model.get("declared");
  if (!machines.has(key)) machines.set(key, new Machine(model));
  return machines.get(key);
}

// In a page made from a notebook no model has a live comm. A panel's own model does not show that;
// its layout does. JupyterLab's manager knows no kernel once it was shut down.
function hasKernel(model) {
  const kernel = model.widget_manager?.kernel;
  if (kernel === null || kernel?.isDisposed || kernel?.status === "dead") return false;
  return model.get("layout")?.comm_live !== false;
}

// A page made from a notebook: its manager of widgets knows of no kernel at all.
const inPage = (model) => Boolean(model.widget_manager) && !("kernel" in model.widget_manager);

const REST = 700; // milliseconds without a move, after which the next one is a new gesture
const SWEEP = 7000; // milliseconds in which play goes from one end of a slider to the other

class Machine {
  constructor(model) {
    Object.assign(this, model.get("declared"));
    this.model = model;
    this.surfaces = new Set();
    this.named = new Map(this.controls.map((control) => [control.name, control]));
    this.turn = 0; // wishes sent to the kernel
    this.renewed = 0; // times that all settings came anew: from code, or by a reset
    this.movedAt = -Infinity;
    this.adopt();
  }

  open(surface) {
    if (!this.surfaces.size && this.model.get("settings").count !== this.count) this.adopt();
    this.surfaces.add(surface);
  }

  close(surface) {
    this.surfaces.delete(surface);
    if (this.surfaces.size) return;
    this.stop();
    clearTimeout(this.comparison);
  }

  // Whether nothing can move: the kernel computes, and there is none.
  get still() {
    return !this.compute && !hasKernel(this.model);
  }

  // What the controls show: what the hand wants, as long as nobody has refused it.
  get shown() {
    return this.wanted ?? this.values;
  }

  // --- settings -------------------------------------------------------------------------------

  // What the kernel holds.
  adopt() {
    const { values, count } = this.model.get("settings");
    this.values = values;
    this.count = count;
    this.renewed += 1;
    this.computed = null;
    this.wanted = null;
    this.asked = null;
    this.resting = null;
  }

  // The kernel's answer to a move of the hand is old news; what was set from code is not.
  heard() {
    const { values, count } = this.model.get("settings");
    if (count === this.count) return this.compareLater();
    if (!this.compute && this.asked) { // its answer to the hand
      this.values = values;
      this.count = count;
      return;
    }
    this.adopt();
    this.redraw();
  }

  // Messages can overtake each other, because a busy kernel takes some of them in another thread.
  // So when all is quiet, a kernel that ended elsewhere is told again.
  compareLater() {
    clearTimeout(this.comparison);
    this.comparison = setTimeout(() => {
      const { values } = this.model.get("settings");
      const same = Object.entries(this.values).every(([name, value]) => values[name] === value);
      if (!same && this.surfaces.size) this.tell({ settings: this.values });
    }, 400);
  }

  // A hand wants these settings. Several moves within a frame are one.
  move(changes) {
    if (this.still) return;
    const now = performance.now();
    if (now - this.movedAt > REST) this.resting = this.views();
    this.movedAt = now;
    const wanted = { ...this.shown, ...changes };
    const shortened = this.shorten(wanted);
    this.changes = { ...this.changes, ...changes };
    this.wanted = wanted;
    this.shortened = shortened || this.shortened;
    if (this.due) return;
    if (!this.compute && !this.asked) this.settle(); // the kernel works while the frame is awaited
    else {
      this.due = true;
      requestAnimationFrame(() => {
        this.due = false;
        if (this.wanted) this.settle();
      });
    }
    for (const surface of this.surfaces) surface.showControls();
  }

  settle() {
    const { wanted, changes, shortened = "" } = this;
    this.changes = {};
    if (!this.compute) return this.ask(wanted);
    this.shortened = "";
    try {
      this.computed = IN_PAGE[this.compute](wanted, this.data);
    } catch (refused) {
      this.wanted = null;
      if (!(refused instanceof Refused)) throw refused;
      this.say(`${this.listed(changes)} is not drawn: ${refused.message}.`);
      this.redraw();
      return;
    }
    this.values = wanted;
    this.wanted = null;
    this.say(shortened);
    for (const surface of this.surfaces) surface.drawNumbers(); // in the frame that computed them
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.tell({ settings: this.values }), 60);
  }

  // One wish is under way, the newest waits.
  ask(wanted) {
    if (this.asked) return;
    this.asked = wanted;
    // A page opened later counts on from what the kernel has answered already.
    this.turn = Math.max(this.turn, this.model.get("answered")) + 1;
    this.model.send({ want: wanted, turn: this.turn });
  }

  // The kernel has looked at a wish: it has drawn it, or said why not.
  answered() {
    if (!this.asked || this.model.get("answered") !== this.turn) return;
    const { asked } = this;
    this.asked = null;
    if (this.wanted && !same(this.wanted, asked)) this.ask(this.wanted);
    else {
      this.wanted = null;
      if (this.shortened && !this.model.get("message")) this.say(this.shortened);
      this.shortened = "";
    }
    this.redraw();
  }

  // A slider whose range ends earlier now goes to its end, and the panel says so.
  shorten(wanted) {
    const said = [];
    for (const control of this.controls) {
      if (!control.upto) continue;
      const most = endOf(control, wanted);
      if (wanted[control.name] <= most) continue;
      wanted[control.name] = most;
      const because = this.listed({ [control.upto[0]]: wanted[control.upto[0]] });
      said.push(`${control.called} went to ${number(most)}, where it ends with ${because}.`);
    }
    return said.join(" ");
  }

  // A number typed beside a slider is taken exactly, or refused.
  typed(control, text) {
    const value = parsed(text);
    if (allowed(control, value, this.shown)) return this.move({ [control.name]: value });
    this.say(`${control.called} = '${text}' is refused: it must be ${rangeOf(control, this.shown)}.`);
    this.redraw();
  }

  // A text, which may not be drawn yet while it is being written.
  wrote(control, text, done) {
    const wrong = !wordsOf(text).length || text.length > control.maximum;
    if (!wrong) this.move({ [control.name]: text });
    else if (done) {
      const what = wordsOf(text).length ? `with ${text.length} characters` : "without a word";
      this.say(`${control.called} ${what} is refused: it must be ${control.allowed}.`);
    }
    return !wrong;
  }

  // A tap on a picture chooses: a number on an axis, or the option of that place.
  pick(name, at, index) {
    const control = this.named.get(name);
    if (!control || this.idle(control)) return;
    if (control.kind === "choice") {
      const option = control.options[index];
      if (option) this.move({ [name]: option[1] });
      return;
    }
    const value = control.kind === "text" ? at : nearestOf(control, at, this.shown);
    if (value !== this.shown[name]) this.move({ [name]: value });
  }

  idle({ needs }) {
    return Boolean(needs) && !needs[1].includes(this.shown[needs[0]]);
  }

  reset() {
    this.stop();
    this.renewed += 1;
    this.move(this.first);
  }

  say(message) {
    if (this.model.get("message") !== message) this.keep({ message });
  }

  // A part of the state that the kernel learns too.
  keep(state) {
    for (const [name, value] of Object.entries(state)) this.model.set(name, value);
    this.model.save_changes();
  }

  redraw() {
    for (const surface of this.surfaces) surface.later("numbers");
  }

  tell(content) {
    if (hasKernel(this.model)) this.model.send(content);
  }

  // --- play -----------------------------------------------------------------------------------

  // Sweep a slider to and fro until it is stopped.
  play(name) {
    const before = this.playing?.name;
    this.stop();
    if (before === name) return;
    const control = this.named.get(name);
    const first = stopsOf(control, this.shown);
    const state = { name, at: placeOf(first, this.shown[name]), way: 1, then: performance.now() };
    if (state.at >= first.length - 1) state.at = 0;
    this.playing = state;
    const step = (now) => {
      if (this.playing !== state) return;
      if (this.idle(control) || this.still || document.hidden) return this.stop();
      requestAnimationFrame(step);
      const waiting = this.asked || this.wanted;
      const passed = Math.min(now - state.then, 100);
      if (waiting || passed < 30) return;
      state.then = now;
      const stops = stopsOf(control, this.shown);
      const last = stops.length - 1;
      state.at += (state.way * passed * Math.min(last, 240)) / SWEEP;
      if (last > 240) state.at += (state.way * passed * (last - 240)) / SWEEP;
      if (state.at >= last) [state.at, state.way] = [last, -1];
      if (state.at <= 0) [state.at, state.way] = [0, 1];
      const value = stops[Math.round(state.at)];
      if (value !== this.shown[name]) this.move({ [name]: value });
    };
    requestAnimationFrame(step);
    for (const surface of this.surfaces) surface.showControls();
  }

  stop() {
    if (!this.playing) return;
    this.playing = null;
    for (const surface of this.surfaces) surface.showControls();
  }

  // --- what is drawn ---------------------------------------------------------------------------

  views() {
    if (!this.compute) return this.model.get("picture")?.views ?? [];
    this.computed ??= IN_PAGE[this.compute](this.values, this.data);
    return this.computed;
  }

  pinned() {
    const { at, views = [] } = this.model.get("pinned") ?? {};
    return at ? IN_PAGE[this.compute](at, this.data) : views;
  }

  pin() {
    if (this.compute) this.keep({ pinned: { settings: this.listed(this.values), at: this.values } });
    this.tell({ press: "pin", ...(this.compute && { settings: this.values }) });
  }

  unpin() {
    if (this.compute) this.keep({ pinned: {}, heatmaps: "live" });
    this.tell({ press: "unpin", ...(this.compute && { settings: this.values }) });
  }

  // Settings for a reader, in the words that stand beside the controls.
  listed(settings) {
    return Object.entries(settings)
      .map(([name, value]) => `${this.named.get(name).called} = ${said(this.named.get(name), value)}`)
      .join(", ");
  }

  // One line of Python that draws this, as tools.py writes it.
  code() {
    if (!this.compute) return this.model.get("picture")?.code ?? "";
    if (Object.values(this.values).some((value) => this.own.includes(value))) {
      return (
        "# No line of code: this panel shows something of your own, " +
        `which only you can pass to ${this.explorer}(...).`
      );
    }
    const written = this.controls.map((control) => {
      const real = control.kind === "slider" && !control.whole;
      return `${control.name}=${python(this.values[control.name], real)}`;
    });
    const call = `explorers.${this.explorer}(${written.join(", ")})`;
    return `from posenc_lib import explorers; ${call}.figure().savefig("panel.png")`;
  }
}

const same = (a, b) => Object.keys(a).every((name) => a[name] === b[name]);

function said(control, value) {
  if (control.kind === "toggle") return value ? "on" : "off";
  if (control.kind === "text") return `'${value}'`;
  if (control.kind === "choice") return control.options.find((option) => option[1] === value)?.[0];
  return number(value);
}

function python(value, real) {
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return pythonText(value);
  return real && Number.isInteger(value) ? `${value}.0` : String(value);
}

// As Python's repr writes a text: double quotes only where that saves a backslash.
function pythonText(text) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const bare = text.replaceAll("\\", "\\\\").replaceAll(quote, `\\${quote}`);
  return `${quote}${bare.replaceAll("\n", "\\n").replaceAll("\t", "\\t")}${quote}`;
}

// --- the ranges of sliders -------------------------------------------------------------------

// Where a range ends as the other controls stand: controls.py, `end`.
function endOf({ minimum, maximum, step, whole, upto }, settings) {
  if (!upto) return maximum;
  const [name, factor, plus, ends] = upto;
  const value = settings[name];
  const size = typeof value === "string" ? wordsOf(value).length : value;
  let most = Math.min(maximum, ends ? ends[value] : factor * size + plus);
  if (whole) most = minimum + Math.floor((most - minimum) / step) * step;
  return Math.max(most, minimum);
}

function allowed(control, value, settings) {
  const { whole, minimum, step } = control;
  if (!(value >= minimum && value <= endOf(control, settings))) return false; // NaN too
  return !whole || (Number.isInteger(value) && (value - minimum) % step === 0);
}

function rangeOf(control, settings) {
  const { minimum, maximum } = control;
  const most = endOf(control, settings);
  if (most === maximum) return control.allowed;
  if (most === minimum) return number(most);
  return control.allowed.replace(`to ${number(maximum)}`, `to ${number(most)}`);
}

// The values at which a hand can put a slider: every step, or steps that grow where there are too
// many; of a logarithmic one 20 to a power of ten.
function stopsOf(control, settings) {
  const most = endOf(control, settings);
  if (control.stops?.most !== most) control.stops = { most, values: stopsTo(control, most) };
  return control.stops.values;
}

const FEW = 1000;

function stopsTo({ minimum, step, whole, log }, most) {
  const found = [];
  if (log) {
    const low = Math.log10(minimum);
    for (let k = 0; 10 ** (low + k * step) < most * (1 - 1e-9); k++) {
      const value = Math.max(Number((10 ** (low + k * step)).toPrecision(3)), minimum);
      if (value < most) found.push(value); // rounded it may be the end, or past it
    }
  } else if ((most - minimum) / step <= FEW) {
    for (let k = 0; minimum + k * step < most - 1e-9 * step; k++) {
      const value = minimum + k * step;
      found.push(whole ? value : Number(value.toPrecision(12)));
    }
  } else {
    for (let value = minimum; value < most; ) {
      found.push(value);
      const size = 10 ** Math.max(Math.floor(Math.log10(Math.max(value - minimum, 1))) - 1, 0);
      value += Math.max(Math.round((0.05 * (value - minimum)) / size) * size, 1) * step;
    }
  }
  return [...found, most];
}

// The place of the stop nearest to a value.
function placeOf(stops, value) {
  let [from, to] = [0, stops.length - 1];
  while (to - from > 1) {
    const middle = (from + to) >> 1;
    if (stops[middle] <= value) from = middle;
    else to = middle;
  }
  return Math.abs(stops[to] - value) < Math.abs(value - stops[from]) ? to : from;
}

function nearestOf(control, value, settings) {
  const { minimum, step, whole } = control;
  const most = endOf(control, settings);
  const exact = whole ? minimum + Math.round((value - minimum) / step) * step : value;
  return clamp(exact, minimum, most);
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const GROUPED = /^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$/;

// The number that a text stands for, or NaN: 12,345 has a group of thousands, 0,5 a decimal comma.
function parsed(text) {
  let bare = text.trim().replace("\u2212", "-");
  if (GROUPED.test(bare)) bare = bare.replaceAll(",", "");
  else if (!bare.includes(".")) bare = bare.replace(",", ".");
  return NUMBER.test(bare) ? Number(bare) + 0 : NaN; // -0 is 0
}

// What stands in the field beside a slider.
const shown = (value) => general(value, 12, true);
