// Put into a page with panels: what a reader sees of one, and whether what it shows holds together.
() => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const shown = (element) => element.checkVisibility() && element.getClientRects().length > 0;

  // A sum over all pixels that any changed pixel changes.
  const sum = (canvas) => {
    if (!canvas.width || !canvas.height) return "empty";
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const pixels = new Uint32Array(data.buffer);
    let [a, b] = [1, 0];
    for (let i = 0; i < pixels.length; i++) {
      a = (Math.imul(a, 31) + pixels[i]) | 0;
      b ^= a;
    }
    const blank = pixels.every((pixel) => pixel === pixels[0]);
    return blank ? "blank" : `${canvas.width}x${canvas.height}:${a}:${b}`;
  };

  const number = (text) => Number(text.replaceAll(",", "").replaceAll("\u2212", "-"));

  // What a control shows, as a setting.
  const read = (row, { kind, options }) => {
    const part = row.querySelector({ slider: ".posenc-number", choice: "select" }[kind] ?? "input");
    if (kind === "slider") return number(part.value);
    if (kind === "choice") return options[part.selectedIndex][1];
    return kind === "toggle" ? part.checked : part.value;
  };

  const look = (root) => {
    const panes = [...root.querySelectorAll(".posenc-pane")].map((pane) => {
      const canvas = pane.querySelector(".posenc-canvas");
      const words = [...pane.querySelectorAll("figcaption, .posenc-legend")].map((e) => e.innerText);
      return { pixels: sum(canvas), words, role: canvas.getAttribute("role"), label: canvas.ariaLabel };
    });
    const rows = root.declared.controls.map((control) => [
      control, root.querySelector(`.posenc-control[data-name="${control.name}"]`),
    ]);
    return {
      panes,
      drawn: Number(root.dataset.drawn),
      message: root.querySelector(".posenc-message").innerText.trim(),
      readout: root.querySelector(".posenc-readout:not(.posenc-hint)")?.innerText ?? "",
      shows: Object.fromEntries(rows.map(([control, row]) => [control.name, read(row, control)])),
      idle: rows.filter(([, row]) => row.querySelector(":disabled:not(button)")).map(([c]) => c.name),
    };
  };

  // What does not fit: a list of sentences.
  const misfits = (root) => {
    const found = [];
    const outer = root.closest(".jp-OutputArea-output, .jp-Cell, body").getBoundingClientRect();
    const ratio = window.devicePixelRatio;
    const note = (element, what) =>
      found.push(`${element.className || element.tagName} "${element.textContent.slice(0, 30)}" ${what}`);
    for (const element of root.querySelectorAll("*")) {
      if (!shown(element) || element.closest("option, svg")) continue;
      const box = element.getBoundingClientRect();
      if (box.right > outer.right + 1 || box.left < outer.left - 1) note(element, "is wider than its cell");
      if (element.matches("label, button, figcaption, .posenc-legend, .posenc-readout, .posenc-message, strong")) {
        if (element.scrollWidth > element.clientWidth + 1 && element.clientWidth) note(element, "is cut off");
      }
    }
    for (const field of root.querySelectorAll(".posenc-number, select")) {
      if (!shown(field)) continue;
      const style = getComputedStyle(field);
      const arrow = field.matches("select") ? 16 : 0;
      const room = field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - arrow;
      const text = field.matches("select") ? field.selectedOptions[0].text : field.value;
      if (wide(text, style) > room + 1) note(field, `has ${Math.round(room)} px for "${text}"`);
    }
    if (root.scrollWidth > root.clientWidth + 1) note(root, "scrolls sideways");
    for (const canvas of root.querySelectorAll("canvas")) {
      const [stage, box] = [canvas.parentElement, canvas].map((e) => e.getBoundingClientRect());
      const off = (a, b) => Math.abs(a - b) > 1;
      if (off(canvas.width, stage.width * ratio) || off(canvas.height, stage.height * ratio)) {
        note(canvas, `has ${canvas.width} x ${canvas.height} pixels for ${stage.width} x ${stage.height} at ${ratio}`);
      }
      if (off(box.width, stage.width) || off(box.height, stage.height)) note(canvas, "is not as large as its pane");
    }
    return found;
  };

  // The width of a text as this element writes it.
  const wide = (text, { fontWeight, fontSize, fontFamily }) => {
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = `${fontWeight} ${fontSize} ${fontFamily}`;
    return pen.measureText(text).width;
  };

  // A value from the kernel of the open notebook.
  const ask = async (code, expression) => {
    const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
    const future = kernel.requestExecute({
      code, silent: true, store_history: false, user_expressions: { answer: expression },
    });
    const { content } = await future.done;
    if (content.status !== "ok") throw new Error(`the kernel answered: ${content.ename}: ${content.evalue}`);
    const { answer } = content.user_expressions;
    if (answer.status !== "ok") throw new Error(`the kernel answered: ${answer.ename}: ${answer.evalue}`);
    return answer.data["application/json"];
  };

  // Wait until the panel stands still and holds together: a new picture where a setting is new and
  // the old one where none is, or the old picture under a sentence that says why.
  // Returns what is seen then; `trouble` says what is wrong if that did not come in time.
  const settled = async (root, model, before, wanted, patience) => {
    const begun = performance.now();
    for (;;) {
      // the kernel answers after all that was sent to it before, and after its answers to that
      const settings = await (model ? ask("", `_settings(${JSON.stringify(model)})`) : posencKernel({}));
      await frame();
      await frame();
      const now = { ...look(root), settings };
      now.kept = now.panes.map(kept);
      now.misfits = misfits(root);
      now.refused = / is (refused|not drawn)/.test(now.message);
      now.trouble = trouble(root.declared.controls, now, before, wanted);
      // a mark may have gone where none is drawn
      const waited = performance.now() - begun;
      if (now.trouble === UNCHANGED && waited > 500) now.trouble = "";
      if (!now.trouble || waited > patience) return now;
      await new Promise((done) => setTimeout(done, 30)); // the kernel may want the processor
    }
  };

  // Of curves the words: where they stood before a hand began to move stays in the picture.
  const kept = ({ pixels, words, label }) => [words, label, label?.startsWith("Heat map") && pixels];

  const UNCHANGED = "the picture did not change";
  const trouble = (controls, now, before, wanted) => {
    const { settings, shows, refused, panes } = now;
    if (panes.some(({ pixels }) => pixels === "empty" || pixels === "blank")) return "a picture is blank";
    for (const { name, kind } of controls) {
      const [here, there] = [shows[name], settings[name]];
      const agree = kind === "slider" ? Math.abs(here - there) <= 1e-11 * Math.abs(there) : here === there;
      // a refused text may be mended
      const told = refused && kind === "text" && (!here.trim() || here.length > 999 || now.message.includes(here));
      if (!agree && !told) return `${name} shows ${here}, the kernel has ${there}`;
    }
    if (!before) return "";
    if (refused) {
      if (!same(settings, before.settings)) return "the kernel's settings changed under a refusal";
      return same(now.kept, before.kept) ? "" : "the picture changed under a refusal";
    }
    if (wanted && shows[wanted[0]] !== wanted[1]) return `${wanted[0]} shows ${shows[wanted[0]]}, not ${wanted[1]}`;
    if (!same(settings, before.settings)) return same(panes, before.panes) ? UNCHANGED : "";
    return same(now.kept, before.kept) ? "" : "the picture changed, the settings did not";
  };

  window.reader = { look, misfits, settled, ask };
}
