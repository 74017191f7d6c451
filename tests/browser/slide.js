// What is wrong with the slide that is shown, in words; nothing, if it can be read from afar.
() => {
  const LEAST = { text: 24, code: 20, panel: 16 };
  const slide = Reveal.getCurrentSlide();
  const scale = slide.getBoundingClientRect().width / slide.offsetWidth;
  const stage = slide.getBoundingClientRect();
  const found = [];
  const shown = (element) => element.checkVisibility({ visibilityProperty: true });
  const name = (element) => `${element.tagName.toLowerCase()}.${element.className || element.parentElement.className}`;
  for (const part of slide.querySelectorAll(".body, .body pre, .posenc-side, .posenc-room")) {
    if (!shown(part) || part.closest(".fold")) continue;
    const [down, right] = [part.scrollHeight - part.clientHeight, part.scrollWidth - part.clientWidth];
    if (down > 1) found.push(`${name(part)} is ${down} too tall`);
    if (right > 1) found.push(`${name(part)} is ${right} too wide`);
  }
  const words = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
  const small = new Map();
  for (let node = words.nextNode(); node; node = words.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || !shown(parent) || parent.closest("script, aside, .fold, details.posenc-more:not([open]) > div, .MathJax_Preview, .MJX_Assistive_MathML, sub, sup, .mjx-chtml, option, .posenc-hint")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    const out = box.left < stage.left - 1 || box.right > stage.right + 1 || box.top < stage.top - 1 || box.bottom > stage.bottom + 1;
    if (out) found.push(`${JSON.stringify(node.data.trim().slice(0, 40))} stands outside`);
    const kind = parent.closest(".posenc-panel") ? "panel" : parent.closest("pre, code") ? "code" : "text";
    const size = parseFloat(getComputedStyle(parent).fontSize);
    if (size < LEAST[kind] - 0.01) small.set(`${kind} of ${size} pixels: ${node.data.trim().slice(0, 30)}`, true);
  }
  found.push(...small.keys());
  for (const picture of slide.querySelectorAll("figure img, canvas.posenc-canvas, .posenc-pane")) {
    const box = picture.getBoundingClientRect();
    if (box.bottom > stage.bottom + 1 || box.right > stage.right + 1) found.push(`${name(picture)} stands outside`);
    if (box.height / scale < (picture.matches("figure img") ? 300 : 90)) found.push(`${name(picture)} is ${Math.round(box.height / scale)} high`);
  }
  for (const pane of slide.querySelectorAll(".posenc-pane")) {
    for (const part of pane.children) {
      if (part.scrollWidth > part.clientWidth + 1) found.push(`${name(part)} is clipped: ${part.textContent.slice(0, 30)}`);
    }
  }
  return found.join("; ");
}
