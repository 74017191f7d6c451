const asked = location.hash; // before reveal.js writes its own
require({ waitSeconds: 15 }, ["./assets/reveal.js/dist/reveal.js"], (Reveal) => {
  const reveal = Reveal.initialize({
    controls: true,
    progress: true,
    history: true,
    center: false,
    transition: "none",
    slideNumber: "c/t",
    disableLayout: true,
  });

  // reveal.js would enlarge with CSS zoom, under which a picture misreads where the pointer is.
  const [width, height] = [{{ resources.reveal.width }}, {{ resources.reveal.height }}];
  const slides = document.querySelector(".reveal .slides");
  const fit = () => {
    const scale = Math.min(innerWidth / width, innerHeight / height);
    slides.style.transform = `translate(-50%, -50%) scale(${scale})`;
  };
  addEventListener("resize", fit);
  fit();

  // A link to a heading, in this deck or from another, opens the slide that holds it.
  const follow = (hash) => {
    const name = decodeURIComponent(hash.slice(1));
    const slide = name && document.getElementById(name)?.closest("section:not(.stack)");
    if (!slide) return;
    const { h, v } = Reveal.getIndices(slide);
    Reveal.slide(h, v);
  };
  addEventListener("hashchange", () => follow(location.hash));
  reveal.then(() => follow(asked));

  // Formulas on slides that were not shown yet had no size to be measured in.
  const typeset = () => window.MathJax?.Hub.Queue(["Rerender", MathJax.Hub, Reveal.getCurrentSlide()]);
  Reveal.on("slidechanged", typeset);

  // The arrow keys belong to a slider or a picture while it has the focus; Escape gives them back.
  for (const widget of document.querySelectorAll(".jupyter-widgets")) {
    widget.addEventListener("keydown", (event) => {
      if (event.key === "Escape") document.activeElement.blur();
      event.stopPropagation();
    });
  }
});
