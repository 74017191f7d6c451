// Put into the page of a live panel: notes each new picture, and which first position it shows.
(root) => {
  const watch = { frames: [], released: 0 };

  // The panel's curves say where they begin: "... over position 7 to 206 ...".
  watch.shows = () => {
    for (const canvas of root.querySelectorAll("canvas.posenc-canvas")) {
      const found = /over position ([\d,]+) to/.exec(canvas.getAttribute("aria-label"));
      if (found) return Number(found[1].replaceAll(",", ""));
    }
    return null;
  };

  // surface.js counts a picture in the frame in which it has drawn it
  new MutationObserver(() => {
    watch.frames.push(performance.now());
    if (watch.shows() === watch.want) watch.done?.();
  }).observe(root, { attributes: true, attributeFilter: ["data-drawn"] });
  // The browser stamps an event when it comes in, before any handler runs.
  addEventListener("pointerup", (event) => (watch.released = event.timeStamp), true);

  // `watch.met` resolves once the wanted position is drawn.
  watch.next = (want) => {
    watch.want = want;
    watch.met = new Promise((done, no) => {
      watch.done = done;
      setTimeout(() => no(`no picture of first position ${want}`), 30_000);
    });
    watch.met.catch(() => {}); // said where it is waited for
  };
  // What is on the screen now, exactly.
  watch.pixels = () => [...root.querySelectorAll("canvas.posenc-canvas")].map((e) => e.toDataURL());
  window.watch = watch;
}
