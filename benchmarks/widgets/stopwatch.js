// Put into the page of a live panel: notes when each new picture was drawn, and what it shows.
// Nothing here is slower than a look at the clock, so it may stay on.
(root) => {
  const watch = { frames: [], hand: [], asked: 0, sent: 0, heard: [], released: 0 };

  const note = (shows) => {
    const now = performance.now();
    watch.frames.push([now, shows]);
    const { waiting } = watch;
    if (!waiting || (waiting.want !== null && waiting.want !== shows)) return;
    watch.waiting = null;
    const heard = watch.heard.filter(([at]) => at > watch.sent).map(([at]) => at);
    waiting.done({ drawn: now - watch.asked, sent: watch.sent - watch.asked,
                   heard: (heard.length ? Math.max(...heard) : now) - watch.asked });
  };

  // The panel's curves say where they begin: "... over position 7 to 206 ...".
  const start = () => {
    for (const canvas of root.querySelectorAll("canvas.posenc-canvas")) {
      const found = /over position ([\d,]+) to/.exec(canvas.getAttribute("aria-label"));
      if (found) return Number(found[1].replaceAll(",", ""));
    }
    return null;
  };

  if (root.matches(".posenc-panel")) {
    // surface.js counts a picture in the frame in which it has drawn it
    new MutationObserver(() => note(start())).observe(root, { attributes: true, attributeFilter: ["data-drawn"] });
  } else {
    let last = root.querySelector("img")?.src;
    new MutationObserver(async () => {
      const image = root.querySelector("img");
      if (!image || image.src === last) return;
      last = image.src;
      try {
        await image.decode();
      } catch {
        return; // replaced before it could be drawn
      }
      requestAnimationFrame(() => note(null));
    }).observe(root, { childList: true, subtree: true, attributes: true, attributeFilter: ["src"] });
  }

  // The browser stamps an event when it comes in, before any handler runs.
  addEventListener("keydown", (event) => (watch.asked = event.timeStamp), true);
  addEventListener("pointermove", (event) => watch.hand.push(event.timeStamp), true);
  addEventListener("pointerup", (event) => (watch.released = event.timeStamp), true);

  // When the page's first message after a key went out, and when large ones came in.
  const listened = new WeakSet();
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    if (watch.sent < watch.asked) watch.sent = performance.now();
    if (!listened.has(this)) {
      listened.add(this);
      this.addEventListener("message", ({ data, timeStamp }) => {
        if ((data.byteLength ?? data.length) > 5000) watch.heard = [...watch.heard.slice(-20), [timeStamp]];
      });
    }
    return send.call(this, data);
  };

  // Resolves with milliseconds since the key, once the wanted value is drawn (null: anything new).
  watch.next = (want) => {
    watch.result = new Promise((done) => (watch.waiting = { want, done }));
  };
  // What is on the screen now, exactly.
  watch.pixels = () =>
    [...root.querySelectorAll("canvas.posenc-canvas, img")].map((e) => e.src ?? e.toDataURL());
  watch.shows = () => (root.matches(".posenc-panel") ? start() : null);
  window.stopwatch = watch;
}
