// Put on a panel: the milliseconds from the hand's event to the end of the frame that shows its
// picture. Nothing here is slower than a look at the clock.
(root) => {
  if (root.stopwatch) return;
  const watch = { asked: null, waiting: false };
  root.stopwatch = watch;

  watch.start = () => {
    watch.asked = null;
    watch.waiting = true;
    watch.taken = new Promise((done, no) => {
      watch.done = done;
      setTimeout(() => no("no new picture in 30 s"), 30_000);
    });
    watch.taken.catch(() => {}); // said where it is waited for
  };
  // The browser stamps an event when it comes in, before any handler runs.
  const stamp = ({ timeStamp }) => watch.waiting && (watch.asked ??= timeStamp);
  for (const event of ["keydown", "input"]) addEventListener(event, stamp, true);

  // Called in the frame in which a picture was drawn. What it posts is heard after that frame has
  // been laid out, painted and handed to the screen.
  const drawn = () => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      if (watch.asked === null || !watch.waiting) return;
      watch.waiting = false;
      watch.done(performance.now() - watch.asked);
    };
    port2.postMessage(null);
  };

  if (root.matches(".posenc-panel")) {
    // surface.js counts a picture in the frame in which it has drawn it
    new MutationObserver(drawn).observe(root, { attributes: true, attributeFilter: ["data-drawn"] });
    return;
  }
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
    requestAnimationFrame(drawn);
  }).observe(root, { childList: true, subtree: true, attributes: true, attributeFilter: ["src"] });
}
