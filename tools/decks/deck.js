{
  const asked = location.hash; // before reveal.js writes its own
  const printing = /print-pdf/i.test(location.search);
  const frame = document.querySelector(".reveal");
  const [MOST, LEAST] = [46, 24]; // sizes of text, in pixels of the stage

  const ready = Reveal.initialize({
    width: Number(frame.dataset.width),
    height: Number(frame.dataset.height),
    margin: 0,
    minScale: 0.1,
    maxScale: 8,
    scrollActivationWidth: null,
    controls: true,
    controlsLayout: "edges", // in the margins of the slide, not over a panel
    progress: true,
    hash: true,
    history: true,
    center: false,
    transition: "none",
    slideNumber: "c/t",
    pdfMaxPagesPerSlide: 1,
    totalTime: Number(frame.dataset.seconds), // the pace that the speaker's view shows
    plugins: [RevealNotes],
  });

  // The text of a slide is as large as fits. A picture keeps at least the height that its style has.
  const tooMuch = (body) =>
    body.scrollHeight > body.clientHeight + 1 || body.scrollWidth > body.clientWidth + 1;
  const fit = (slide) => {
    const body = slide?.querySelector(".body");
    if (!body || slide.matches(".slide-panel")) return;
    const few = !body.querySelector("figure, pre, table");
    for (let size = few ? MOST : 32; size >= LEAST; size--) {
      body.style.setProperty("--size", `${size}px`);
      if (!tooMuch(body)) break;
    }
    // The title slide grows with its text; it has no height of its own that could be too small.
    if (slide.matches(".slide-title")) body.style.setProperty("--size", "38px");
  };
  const fitAll = () => document.querySelectorAll(".slides section").forEach(fit);

  // A slide that was not shown had no size in which its formulas could be set.
  const settle = (slide) => {
    const done = () => {
      fit(slide);
      slide.dataset.settled = "";
    };
    if (slide.querySelector("script[type^='math/tex']")) {
      MathJax.Hub.Queue(() => fit(slide), ["Rerender", MathJax.Hub, slide], done);
    } else done();
  };

  // A link to a heading, in this deck or from another, opens the slide that holds it.
  const follow = (hash) => {
    const name = decodeURIComponent(hash.slice(1));
    const slide = name && document.getElementById(name)?.closest("section");
    if (slide) Reveal.slide(Reveal.getIndices(slide).h);
  };

  Reveal.on("slidechanged", ({ currentSlide }) => settle(currentSlide));
  addEventListener("hashchange", () => follow(location.hash));
  ready.then(() => {
    follow(asked);
    settle(Reveal.getCurrentSlide());
  });
  // Panels measure their words; the font may have come after they did.
  document.fonts.ready.then(() => dispatchEvent(new Event("resize")));

  if (printing) {
    const rooms = [...document.querySelectorAll(".posenc-room")];
    const drawn = () => rooms.every((room) => room.querySelector(".posenc-panel[data-drawn]"));
    // Panels come when they can. One that never comes leaves its still picture to be printed.
    const whenDrawn = (until) => {
      if (!drawn() && performance.now() < until) return setTimeout(whenDrawn, 50, until);
      document.querySelectorAll(".slides section").forEach((slide) => (slide.dataset.settled = ""));
      fitAll();
      dispatchEvent(new Event("resize"));
      requestAnimationFrame(() => (document.documentElement.dataset.printable = ""));
    };
    const printable = () => whenDrawn(performance.now() + 20_000);
    Reveal.on("pdf-ready", () => MathJax.Hub.Queue(["Rerender", MathJax.Hub], printable));
  }

  // The arrow keys belong to a slider, a list or a picture while it has the focus; Escape gives them
  // back. A button has no use for them, so they turn the slide there.
  const turns = /^(Arrow|Page)/;
  for (const widget of document.querySelectorAll(".jupyter-widgets, .fold")) {
    widget.addEventListener("keydown", (event) => {
      if (event.key === "Escape") document.activeElement.blur();
      if (!turns.test(event.key) || !event.target.matches("button, summary")) event.stopPropagation();
    });
  }
}
