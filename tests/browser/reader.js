// Put into a page with panels: what a reader sees of one, and whether what it shows holds together.
() => {
  const pause = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));

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

  const shown = (element) => element.checkVisibility() && element.getClientRects().length > 0;

  // One control: its kind, and what it shows.
  const read = (place) => {
    const [field, select, box] = ["input[type=text]", "select", "input[type=checkbox]"].map((name) =>
      place.querySelector(name),
    );
    const handle = place.querySelector(".noUi-handle");
    if (handle) return { kind: "slider", shows: field.value };
    // ipywidgets writes the spaces of an option so that none is lost
    if (select) return { kind: "choice", shows: select.selectedOptions[0].text.replaceAll("\u00a0", " ") };
    if (box) return { kind: "toggle", shows: box.checked };
    return { kind: "text", shows: field.value };
  };

  const places = (root) => [...root.querySelector(".posenc-controls").children];

  const look = (root) => {
    const panes = [...root.querySelectorAll(".posenc-pane")].map((pane) => {
      const canvas = pane.querySelector(".posenc-canvas");
      const words = [...pane.querySelectorAll("figcaption, .posenc-legend")].map((e) => e.innerText);
      const { role, ariaLabel } = { role: canvas.getAttribute("role"), ariaLabel: canvas.ariaLabel };
      return { pixels: sum(canvas), words, role, label: ariaLabel };
    });
    return {
      panes,
      message: root.querySelector(".posenc-message").innerText.trim(),
      shows: places(root).map((place) => read(place).shows),
      grips: places(root).map((place) => place.querySelector(".noUi-origin")?.style.transform ?? null),
      stands: places(root).map((place) => place.querySelector(".noUi-handle")?.ariaValueNow ?? null),
    };
  };

  // What does not fit: a list of sentences.
  const misfits = (root) => {
    const found = [];
    const outer = root.closest(".jp-OutputArea-output, .jp-Cell").getBoundingClientRect();
    const ratio = window.devicePixelRatio;
    const note = (element, what) =>
      found.push(`${element.className || element.tagName} "${element.textContent.slice(0, 30)}" ${what}`);
    for (const element of root.querySelectorAll("*")) {
      if (!shown(element) || element.closest("select, svg")) continue;
      const box = element.getBoundingClientRect();
      // the half of a slider's handle and its shadow stand out of the track, not out of the cell
      if (box.right > outer.right + 1 || box.left < outer.left - 1) note(element, "is wider than its cell");
      if (element.matches("label, button, figcaption, .posenc-legend, .posenc-readout, .posenc-message, strong")) {
        if (element.scrollWidth > element.clientWidth + 1 && element.clientWidth) note(element, "is cut off");
      }
    }
    for (const field of root.querySelectorAll(".widget-slider + .widget-text input, select")) {
      const style = getComputedStyle(field);
      const arrow = field.matches("select") ? 16 : 0; // ipywidgets draws it over the right end
      const room = field.clientWidth - parseFloat(style.paddingLeft) - Math.max(parseFloat(style.paddingRight), arrow);
      const text = field.matches("select") ? field.selectedOptions[0].text : field.value;
      if (wide(text, style) > room + 1) note(field, `has ${Math.round(room)} px for "${text}"`);
    }
    if (root.scrollWidth > root.clientWidth + 1) note(root, "scrolls sideways");
    for (const canvas of root.querySelectorAll("canvas")) {
      const stage = canvas.parentElement.getBoundingClientRect();
      const fits =
        Math.abs(canvas.width - stage.width * ratio) <= 1 && Math.abs(canvas.height - stage.height * ratio) <= 1;
      if (!fits) {
        note(canvas, `has ${canvas.width} x ${canvas.height} pixels for ${stage.width} x ${stage.height} at ${ratio}`);
      }
      const box = canvas.getBoundingClientRect();
      if (Math.abs(box.width - stage.width) > 1 || Math.abs(box.height - stage.height) > 1) {
        note(canvas, "is not as large as its pane");
      }
    }
    return found;
  };

  // The width of a text as this element writes it.
  const wide = (text, { fontWeight, fontSize, fontFamily }) => {
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = `${fontWeight} ${fontSize} ${fontFamily}`;
    return pen.measureText(text).width;
  };

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

  const number = (text) => Number(text.replaceAll(",", "").replaceAll("\u2212", "-").trim());
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

  // The names of the controls whose setting in the kernel is not what the page shows.
  const differing = (settings, shows) =>
    settings.filter(([, value], i) =>
      typeof value === "number" ? number(String(shows[i])) !== value : shows[i] !== value,
    ).map(([name]) => name);

  // Wait until the panel stands still and holds together: a new picture where a setting is new and
  // the old one where none is, or the old picture under a sentence that says why.
  // Returns what is seen then; `trouble` says what is wrong if that did not come in time.
  const settled = async (root, expression, before, wanted, patience) => {
    const deadline = performance.now() + patience;
    for (;;) {
      // the kernel answers after all that was sent to it before, and after its answers to that
      const settings = await ask("", expression);
      await pause();
      const now = { ...look(root), settings };
      now.different = differing(settings, now.shows);
      now.misfits = misfits(root);
      now.trouble = trouble(now, before, wanted);
      if (!now.trouble || performance.now() > deadline) return now;
      await new Promise((done) => setTimeout(done, 30)); // the kernel may want the processor
    }
  };

  const trouble = (now, before, wanted) => {
    if (now.panes.some(({ pixels }) => pixels === "empty" || pixels === "blank")) return "a picture is blank";
    if (!before) return now.message || !now.different.length ? "" : `the page differs from the kernel in ${now.different}`;
    const kept = same(now.panes, before.panes);
    const [place, text, names] = wanted ?? [];
    if (now.message) {
      const still = same(now.grips, before.grips) && same(now.shows, before.shows);
      if (now.message === before.message && !still) return "nothing was said about the new value";
      if (text !== undefined && text !== null && names && !now.message.includes(text)) return `the message does not name ${text}`;
      if (!same(now.settings, before.settings)) return "the kernel's settings changed under a refusal";
      return kept ? "" : "the last good picture went away under a refusal";
    }
    if (now.different.length) return `the page differs from the kernel in ${now.different}`;
    if (text !== undefined && text !== null && String(now.shows[place]) !== text) {
      return `the control shows ${now.shows[place]}, not ${text}`;
    }
    // from a refused value the hand may go back to the one that is drawn
    if (!before.message && same(now.settings, before.settings) && !same(now.grips, before.grips)) {
      return "the slider moved, the settings did not";
    }
    if (same(now.settings, before.settings)) return kept ? "" : "the picture changed, the settings did not";
    return kept ? "the settings changed, the picture did not" : "";
  };

  window.reader = { look, read, places, misfits, settled, ask };
}
