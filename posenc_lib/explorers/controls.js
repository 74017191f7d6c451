// The controls of a panel, as the page draws them: the browser's own slider, field, list, box.

// JupyterLab takes no key of this element, such as Enter (edit the cell) or B (a new cell). It looks
// at the focused element alone: the row around it would not do.
const keepKeys = (part) => part.setAttribute("data-lm-suppress-shortcuts", "true");

const icon = (path) =>
  `<svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true"><path d="${path}" fill="currentColor"/></svg>`;
const PLAY = icon("M2 1 11 6 2 11Z");
const PAUSE = icon("M2 1h3v10h-3zM7 1h3v10h-3z");

// Writing is done with Enter, for which JupyterLab's page reports no change, or by leaving the field.
// Returns whether somebody is writing.
function whenDone(field, act) {
  let written = false;
  const done = () => {
    const wrote = written;
    written = false; // what is done now may write into the field
    if (wrote) act();
  };
  field.addEventListener("input", () => (written = true));
  field.addEventListener("change", done);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) done();
  });
  return () => written;
}

let lastId = 0;

class ControlRow {
  constructor(machine, control, parent) {
    this.machine = machine;
    this.control = control;
    this.row = element("div", "posenc-control", parent);
    this.row.dataset.name = control.name;
    this.row.dataset.kind = control.kind;
    const label = element("label", "", this.row);
    const id = `posenc-${++lastId}`;
    label.htmlFor = id;
    label.textContent = word(control.label);
    this.set = element("div", "posenc-set", this.row);
    this[control.kind]();
    this.main.id = id;
    for (const part of this.set.querySelectorAll("input, select, button")) keepKeys(part);
    if (control.kind === "toggle") this.row.prepend(this.set); // the box stands before its word
  }

  input(type, name = "") {
    const made = element("input", name, this.set);
    made.type = type;
    return made;
  }

  slider() {
    const { machine, control } = this;
    this.main = this.input("range", "posenc-range");
    this.main.min = 0;
    this.main.step = 1;
    this.main.addEventListener("input", () => {
      machine.stop();
      machine.move({ [control.name]: stopsOf(control, machine.shown)[this.main.valueAsNumber] });
    });
    this.field = this.input("text", "posenc-number");
    this.field.inputMode = "decimal";
    this.field.autocomplete = "off";
    this.field.setAttribute("aria-label", `${word(control.label)}: ${word("type a number")}`);
    this.writing = whenDone(this.field, () => {
      machine.stop();
      machine.typed(control, this.field.value);
    });
    this.field.addEventListener("focus", () => this.field.select());
    this.play = element("button", "posenc-play", this.set);
    this.play.type = "button";
    this.play.addEventListener("click", () => machine.play(control.name));
  }

  choice() {
    const { machine, control } = this;
    this.main = element("select", "", this.set);
    for (const [title] of control.options) element("option", "", this.main).textContent = word(title);
    this.main.addEventListener("change", () =>
      machine.move({ [control.name]: control.options[this.main.selectedIndex][1] }),
    );
  }

  toggle() {
    this.main = this.input("checkbox");
    this.main.addEventListener("change", () =>
      this.machine.move({ [this.control.name]: this.main.checked }),
    );
  }

  text() {
    const { machine, control } = this;
    this.main = this.input("text", "posenc-text");
    this.main.autocomplete = "off";
    this.main.spellcheck = false;
    const write = (done) => {
      const fine = machine.wrote(control, this.main.value, done);
      this.main.setAttribute("aria-invalid", String(!fine && done));
    };
    this.main.addEventListener("input", () => write(false));
    whenDone(this.main, () => write(true));
  }

  // Show where the panel stands. A text that is being written, or was refused, is left alone.
  update() {
    const { machine, control, main } = this;
    const value = machine.shown[control.name];
    const idle = machine.idle(control) || machine.still;
    main.disabled = idle;
    this.row.classList.toggle("posenc-idle", idle);
    if (control.kind === "toggle") main.checked = value;
    else if (control.kind === "choice") {
      main.selectedIndex = control.options.findIndex((option) => option[1] === value);
    } else if (control.kind === "text") {
      const writing = document.activeElement === main || main.getRootNode().activeElement === main;
      const renewed = this.renewed !== machine.renewed;
      this.renewed = machine.renewed;
      if (!renewed && (writing || main.getAttribute("aria-invalid") === "true")) return;
      main.value = value;
      main.setAttribute("aria-invalid", "false");
    } else this.updateSlider(value, idle);
  }

  updateSlider(value, idle) {
    const { machine, control, main, field, play } = this;
    const stops = stopsOf(control, machine.shown);
    main.max = stops.length - 1;
    main.value = placeOf(stops, value);
    main.setAttribute("aria-valuetext", shown(value));
    main.style.setProperty("--posenc-part", stops.length > 1 ? main.value / main.max : 0);
    if (!this.writing() && field.value !== shown(value)) field.value = shown(value);
    field.title = `Type ${rangeOf(control, machine.shown)}`;
    const playing = machine.playing?.name === control.name;
    field.disabled = idle;
    play.disabled = idle || stops.length < 2;
    if (play.dataset.playing !== String(playing)) {
      play.dataset.playing = playing;
      play.innerHTML = playing ? PAUSE : PLAY;
    }
    play.title = playing ? word("Stop") : word("Sweep this slider");
    play.setAttribute("aria-label", `${playing ? word("Stop") : word("Play")}: ${word(control.label)}`);
  }
}
