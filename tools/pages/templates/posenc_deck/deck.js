const asked = location.hash; // before reveal.js writes its own
require({ waitSeconds: 15 }, ["./assets/reveal.js/dist/reveal.js"], (Reveal) => {
  const reveal = Reveal.initialize({
    controls: true,
    controlsLayout: "edges", // in the margins of the slide, not over a panel
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
    document.documentElement.style.setProperty("--posenc-scale", scale);
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

  // A panel has what the rest of its slide leaves. Only a slide that is shown can be measured.
  // A finger turns a slide that fits in every direction; one that scrolls, only sideways.
  const giveRoom = () => {
    const slide = Reveal.getCurrentSlide();
    share([...slide.querySelectorAll(".posenc-room")], slide);
    const scrolls = slide.scrollHeight > slide.clientHeight;
    slide.style.setProperty("--posenc-touch", scrolls ? "pan-y pinch-zoom" : "pinch-zoom");
  };
  const share = (rooms, slide) => {
    if (!rooms.length) return;
    const bottom = (part) => part.offsetTop + part.offsetHeight;
    const most = Math.max(...[...slide.children].map(bottom));
    const taken = most - rooms.reduce((sum, room) => sum + room.offsetHeight, 0);
    const each = Math.max((height - 40 - taken) / rooms.length, 200);
    for (const room of rooms) room.style.height = `${Math.floor(each)}px`;
  };
  Reveal.on("slidechanged", giveRoom);
  reveal.then(giveRoom);

  // Formulas on slides that were not shown yet had no size to be measured in.
  const typeset = () =>
    window.MathJax?.Hub.Queue(["Rerender", MathJax.Hub, Reveal.getCurrentSlide()], giveRoom);
  Reveal.on("slidechanged", typeset);

  // The arrow keys belong to a slider or a picture while it has the focus; Escape gives them back.
  for (const widget of document.querySelectorAll(".jupyter-widgets")) {
    widget.addEventListener("keydown", (event) => {
      if (event.key === "Escape") document.activeElement.blur();
      event.stopPropagation();
    });
  }
});
