// The controls above a picture are ipywidgets' own. What these leave out is added here: names for
// screen readers, and keys that JupyterLab does not take.

const PARTS = ".noUi-handle, select, input[type=text]"; // a check box has its name

function tendControls(panel) {
  panel?.querySelectorAll(".posenc-controls input[type=checkbox]").forEach(keepKeys);
  for (const part of panel?.querySelectorAll(`.posenc-controls :is(${PARTS})`) ?? []) {
    keepKeys(part);
    const place = part.closest(".posenc-controls > *");
    const label = place.querySelector("label.widget-label");
    const name = label?.textContent.trim();
    if (!name) continue;
    if (label.title === "null") label.removeAttribute("title");
    const slider = place.querySelector(".noUi-handle");
    if (slider && part !== slider) {
      part.setAttribute("aria-label", `${name}: type a number`);
    } else {
      part.setAttribute("aria-label", name);
    }
    if (part !== slider) continue;
    slider.setAttribute("aria-valuetext", place.querySelector("input")?.value);
    slider.tabIndex = slider.closest("[disabled]") ? -1 : 0;
  }
}
