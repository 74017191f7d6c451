// The row of buttons of a panel.

const LECTURE = "posenc-large-text"; // told to all panels of a page

const CHOICES = [
  ["live", "Live", "Heat maps show the live picture"],
  ["pinned", "Pinned", "Heat maps show the pinned picture"],
  ["difference", "Difference", "Heat maps show live minus pinned"],
];

class Toolbar {
  constructor(machine, parent) {
    const { model } = machine;
    this.machine = machine;
    this.model = model;
    this.row = element("div", "posenc-tools", parent);
    this.row.setAttribute("role", "group");
    this.row.setAttribute("aria-label", word("Tools of the panel"));
    this.reset = this.button("Reset", "Put every control back to where it stood first", () =>
      machine.reset(),
    );
    this.button("Copy code", "Copy one line of Python that makes this figure", () => this.copy());
    this.lecture = this.button("Large text", "Large text and lines in all panels, for the back row", () =>
      window.dispatchEvent(new CustomEvent(LECTURE, { detail: !model.get("lecture") })),
    );
    this.lecture.classList.add("posenc-large");
    this.pin = this.button("Pin", "Keep this picture as a reference to compare with", () =>
      machine.pin(),
    );
    this.unpin = this.button("Unpin", "Let the reference go", () => {
      this.pin.focus(); // this button is about to go
      machine.unpin();
    });
    this.group = element("span", "posenc-choices", this.row);
    this.group.setAttribute("role", "group");
    this.group.setAttribute("aria-label", word("What the heat maps show"));
    this.choices = CHOICES.map(([mode, text, tip]) =>
      this.button(text, tip, () => this.set("heatmaps", mode), this.group),
    );
    this.said = element("span", "posenc-said", this.row);
    this.said.setAttribute("role", "status");
    this.line = element("input", "posenc-line", this.row);
    keepKeys(this.line);
    this.line.readOnly = true;
    this.line.hidden = true;
    this.line.setAttribute("aria-label", word("One line of Python that makes this figure"));
    this.line.addEventListener("blur", () => this.say(""));
    this.reference = element("span", "posenc-reference", this.row);
    this.reference.setAttribute("role", "status");
    this.update();
  }

  button(text, tip, press, parent = this.row) {
    const made = element("button", "", parent);
    keepKeys(made);
    made.type = "button";
    made.textContent = word(text);
    made.title = word(tip);
    made.addEventListener("click", press);
    return made;
  }

  set(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  update() {
    const pinned = this.model.get("pinned")?.settings;
    const maps = pinned && this.machine.views().some((view) => view.kind === "heatmap");
    this.unpin.hidden = !pinned;
    this.group.hidden = !maps;
    this.choices.forEach((choice, i) =>
      choice.setAttribute("aria-pressed", String(CHOICES[i][0] === this.model.get("heatmaps"))),
    );
    this.lecture.setAttribute("aria-pressed", String(Boolean(this.model.get("lecture"))));
    this.reference.textContent = pinned ? `${word("Pinned:")} ${pinned}` : "";
  }

  // Without a kernel: what it would have to do cannot be asked for.
  stand(still) {
    for (const button of [this.reset, this.pin, this.unpin]) button.disabled = still;
  }

  say(text, line = "") {
    clearTimeout(this.silence);
    this.said.textContent = text;
    this.line.value = line;
    this.line.hidden = !line;
    if (text && !line) this.silence = setTimeout(() => this.say(""), 6000);
  }

  // Where the page may not write to the clipboard, the line stands selected in the panel.
  async copy() {
    const code = this.machine.code();
    if (code.startsWith("#")) return this.say(code.slice(2));
    try {
      await navigator.clipboard.writeText(code);
      this.say(word("Copied."));
    } catch {
      this.say(word("Copy this line:"), code);
      this.line.focus();
      this.line.select();
    }
  }
}
