// Panels read their colours again when this says another theme.
const dark = matchMedia("(prefers-color-scheme: dark)");
const tell = () => document.body.setAttribute("data-jp-theme-light", String(!dark.matches));
dark.addEventListener("change", tell);
tell();
