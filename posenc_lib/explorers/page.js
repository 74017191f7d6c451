// A panel that computes its numbers in the page: it follows its controls at once, over a slow link
// and without a kernel. The kernel hears of every move from the controls, as always; what it sets
// from code comes back with a new count.

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const shared = new WeakMap(); // two views of one panel are one panel

function pagePanel(model) {
  const declared = model.get("page");
  if (!declared?.compute) return null;
  const layout = model.get("layout"); // of all that belongs to a panel, this object stays the same
  const key = layout && typeof layout === "object" ? layout : declared;
  if (!shared.has(key)) shared.set(key, new PagePanel(model, declared));
  return shared.get(key);
}

class PagePanel {
  constructor(model, declared) {
    Object.assign(this, declared);
    this.model = model;
    this.surfaces = new Set();
    this.widgets = new Map();
    this.fields = new Map();
    this.adopt();
  }

  async open(surface) {
    this.surfaces.add(surface);
    if (this.surfaces.size > 1) return;
    if (this.model.get("settings").count !== this.count) this.adopt();
    const turn = (this.turn = {}); // closed and opened again in the meantime: another turn
    const find = (id) => this.model.widget_manager.get_model(id.replace("IPY_MODEL_", ""));
    for (const control of this.controls) {
      const widget = await find(control.widget);
      const field = control.field && (await find(control.field));
      if (turn !== this.turn) return;
      this.follow(this.widgets, control, widget, () => {
        this.moved(control);
        this.enable();
      });
      if (field) {
        const heard = (by) => (by?.updated_view ? this.typed(control) : this.write());
        this.follow(this.fields, control, field, heard);
      }
    }
    for (const control of this.controls) this.moved(control); // as the controls stand by now
    this.write();
    this.redraw();
  }

  // A little later: what is set while a control still tells of its change, its view misses.
  follow(kept, control, model, act) {
    const react = (_, by) => queueMicrotask(() => this.surfaces.size && act(by));
    kept.set(control.name, { model, react });
    model.on("change", react);
  }

  close(surface) {
    this.surfaces.delete(surface);
    if (this.surfaces.size) return;
    this.turn = null;
    clearTimeout(this.comparison);
    for (const kept of [this.widgets, this.fields]) {
      for (const { model, react } of kept.values()) model.off("change", react);
      kept.clear();
    }
  }

  // --- settings -------------------------------------------------------------------------------

  // What the kernel holds, when a page is opened.
  adopt() {
    const { values, count } = this.model.get("settings");
    this.values = values;
    this.count = count;
    this.computed = null;
  }

  // The kernel's answer to a move of the hand is old news; what was set from code is not.
  heard() {
    if (this.model.get("settings").count === this.count) return this.compareLater();
    this.adopt();
    this.say("");
    for (const control of this.controls) this.place(control); // older moves may be under way
    this.write();
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

  moved(control) {
    const { model } = this.widgets.get(control.name);
    const at = control.kind === "choice" ? control.options[model.get("index")] : model.get("value");
    if (at === undefined) return; // a drop-down without a choice
    const value = control.kind === "slider" ? read(control, at, this.values[control.name]) : at;
    if (value !== this.values[control.name]) this.take({ [control.name]: value });
  }

  // A number typed beside a slider is taken exactly, or refused.
  typed(control) {
    const text = this.fields.get(control.name).model.get("value");
    const present = this.values[control.name];
    if (text === shown(present)) return;
    const bare = text.trim().replaceAll(",", "").replace("\u2212", "-");
    const value = NUMBER.test(bare) ? Number(bare) + 0 : NaN; // -0 is 0
    if (!allowed(control, value)) {
      this.say(
        `${control.name} = '${text}' is refused: it must be ${control.allowed}. ` +
          `The picture still shows ${listed({ [control.name]: present })}.`,
      );
      this.write();
      return;
    }
    this.take({ [control.name]: value }); // also where only the writing differs
    this.place(control);
    this.tell({ settings: this.values });
  }

  take(changes) {
    this.values = { ...this.values, ...changes };
    this.computed = null;
    this.say("");
    this.write();
    this.redraw();
  }

  say(message) {
    if (this.model.get("message") !== message) this.keep({ message });
  }

  // A part of the state that the kernel learns too.
  keep(state) {
    for (const [name, value] of Object.entries(state)) this.model.set(name, value);
    this.model.save_changes();
  }

  reset() {
    this.take(this.first);
    for (const control of this.controls) this.place(control);
  }

  // Put the control itself where its setting stands. Saved: an older value of the control, which
  // waits for the kernel to be ready, must not come after this one.
  place(control) {
    const { model } = this.widgets.get(control.name) ?? {};
    const value = this.values[control.name];
    if (control.kind === "choice") model?.set("index", control.options.indexOf(value));
    else model?.set("value", value);
    model?.save_changes();
  }

  // Every number beside its slider, and which controls have an effect. The kernel writes no number
  // after a move of the hand.
  write() {
    for (const [name, { model }] of this.fields) model.set("value", shown(this.values[name]));
    this.enable();
  }

  enable() {
    for (const { name, needs } of this.controls) {
      const idle = Boolean(needs) && !needs[1].includes(this.values[needs[0]]);
      for (const kept of [this.widgets, this.fields]) kept.get(name)?.model.set("disabled", idle);
    }
  }

  redraw() {
    for (const surface of this.surfaces) surface.later("numbers");
  }

  tell(content) {
    if (hasKernel(this.model)) this.model.send(content);
  }

  // --- what is drawn ---------------------------------------------------------------------------

  views() {
    this.computed ??= IN_PAGE[this.compute](this.values, this.data);
    return this.computed;
  }

  pinned() {
    const { at } = this.model.get("pinned") ?? {};
    return at ? IN_PAGE[this.compute](at, this.data) : [];
  }

  pin() {
    this.keep({ pinned: { settings: listed(this.values), at: this.values } });
  }

  unpin() {
    this.keep({ pinned: {}, heatmaps: "live" });
  }

  // One line of Python that draws this, as tools.py writes it.
  code() {
    const written = this.controls.map((control) => {
      const value = this.values[control.name];
      return `${control.name}=${python(value, control.real)}`;
    });
    const { explorer } = this;
    const call = `explorers.${explorer}(${written.join(", ")})`;
    return `from posenc_lib import explorers; ${call}.figure().savefig("panel.png")`;
  }
}

// In a page made from a notebook no model has a live comm. A panel's own model does not show that;
// its layout does.
const hasKernel = (model) => model.get("layout")?.comm_live !== false;

function python(value, real) {
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return `'${value}'`;
  return real && Number.isInteger(value) ? `${value}.0` : String(value);
}

// What stands in the field beside a slider.
const shown = (value) => general(value, 12, true);

function allowed({ whole, minimum, maximum, step }, value) {
  if (!(value >= minimum && value <= maximum)) return false; // NaN too
  return !whole || (Number.isInteger(value) && (value - minimum) % step === 0);
}

// What the nearest step of a slider is, and the setting that it stands for.
function nearest({ log, low, step, minimum, maximum }, value) {
  if (value >= maximum * (log ? 1 - 1e-9 : 1)) return [maximum, maximum];
  if (!log) {
    const exact = minimum + Math.round((value - minimum) / step) * step;
    return [Math.min(exact, maximum), Math.min(Number(exact.toPrecision(12)), maximum)];
  }
  const exact = Math.min(10 ** (low + Math.round((Math.log10(value) - low) / step) * step), maximum);
  const digits = Number(exact.toPrecision(3)) >= maximum && maximum > exact ? 4 : 3;
  return [exact, clamp(Number(exact.toPrecision(digits)), minimum, maximum)];
}

// The setting that a moved slider stands for. controls.py says why.
function read(control, moved, present) {
  if (control.whole) return moved;
  const [exact, meant] = nearest(control, moved);
  if (Math.abs(moved - exact) > 1e-6 * (control.log ? exact : control.step)) return moved;
  return nearest(control, present)[0] === exact ? present : meant;
}
