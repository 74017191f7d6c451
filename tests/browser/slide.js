// Shows every slide of a deck in turn and says what is wrong with it: text too small to be read from
// the back row, and whatever stands outside the stage or is clipped. Nothing is wrong: an empty list.
async () => {
  const LEAST = { text: 24, code: 20, panel: 16 };
  const FOLDED =
    "script, aside, .fold, details:not([open]) > :not(summary), option, .posenc-hint, sub, sup, " +
    ".MathJax_Preview, .MJX_Assistive_MathML, .mjx-chtml";
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const shown = (element) => element.checkVisibility({ visibilityProperty: true });
  const name = (element) => element.className || element.parentElement.className || element.tagName;

  const drawn = async (slide) => {
    const panel = () => slide.querySelector(".posenc-panel[data-drawn]");
    const waits = slide.querySelector(".jupyter-widgets");
    for (let spent = 0; spent < 20_000; spent += 20) {
      if ("settled" in slide.dataset && (!waits || panel())) break;
      await pause(20);
    }
    if (waits) await pause(250); // the panel measures itself, and draws again
    if (waits && !panel()) return ["the panel has not drawn"];
    return "settled" in slide.dataset ? [] : ["the slide has not settled"];
  };

  const clipped = (slide) =>
    [...slide.querySelectorAll(".body, .texts, .body pre, .posenc-side, .posenc-room, .posenc-pane > *")]
      .filter((part) => shown(part) && !part.closest(".fold"))
      .flatMap((part) => {
        const down = part.matches("figcaption, .posenc-legend") ? 0 : part.scrollHeight - part.clientHeight;
        const right = part.scrollWidth - part.clientWidth;
        const found = [];
        if (down > 1) found.push(`${name(part)} is ${down} pixels too tall`);
        if (right > 1) found.push(`${name(part)} is ${right} pixels too wide`);
        return found;
      });

  const outside = (slide, box) => {
    const stage = slide.getBoundingClientRect();
    return (
      box.left < stage.left - 1 || box.right > stage.right + 1 ||
      box.top < stage.top - 1 || box.bottom > stage.bottom + 1
    );
  };

  const unreadable = (slide) => {
    const found = new Set();
    const walk = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      const holder = node.parentElement;
      if (!node.data.trim() || !shown(holder) || holder.closest(FOLDED)) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const box = range.getBoundingClientRect();
      if (!box.width) continue;
      const text = JSON.stringify(node.data.trim().slice(0, 40));
      if (outside(slide, box)) found.add(`${text} stands outside`);
      const kind = holder.closest(".posenc-panel") ? "panel" : holder.closest("pre, code") ? "code" : "text";
      const size = parseFloat(getComputedStyle(holder).fontSize);
      if (size < LEAST[kind] - 0.01) found.add(`${kind} of ${size} pixels: ${text}`);
    }
    return [...found];
  };

  const pictures = (slide) =>
    [...slide.querySelectorAll(".picture img, .posenc-pane, .posenc-canvas")].flatMap((picture) => {
      const least = picture.matches("img") ? 300 : 80;
      const box = picture.getBoundingClientRect();
      const found = outside(slide, box) ? [`${name(picture)} stands outside`] : [];
      if (picture.offsetHeight < least) found.push(`${name(picture)} is ${picture.offsetHeight} pixels high`);
      return found;
    });

  const wrong = [];
  for (let number = 0; number < Reveal.getTotalSlides(); number++) {
    Reveal.slide(number);
    const slide = Reveal.getCurrentSlide();
    const late = await drawn(slide);
    const found = [...late, ...clipped(slide), ...unreadable(slide), ...pictures(slide)];
    const title = slide.querySelector("h1, h2").textContent;
    if (found.length) wrong.push(`slide ${number + 1}, ${title}: ${found.join("; ")}`);
  }
  return wrong;
}
