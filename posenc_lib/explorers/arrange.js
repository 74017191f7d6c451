// How a panel fills its place: controls above or at the left, the pictures in the rows that make them
// largest, all of it within the part of the notebook that is in sight.

const GAP = 14; // between pictures, in pixels
const LEAST = 130; // a picture lower than this cannot be read
const FRAME = ".jp-WindowedPanel-outer, .jp-Notebook, .posenc-room"; // what scrolls a notebook
const WHOLE = ".posenc-whole"; // a slide that is the panel's alone: its head stands above the controls

// The height that a reader sees at once.
function roomOf(root) {
  const frame = root.closest(FRAME);
  if (frame?.matches(".posenc-room")) return frame.clientHeight; // it may be scaled: the window says nothing
  const { scrollPaddingTop } = getComputedStyle(document.documentElement);
  const header = parseFloat(scrollPaddingTop) || 0; // one that stays in sight, and a margin below it
  return Math.min(frame?.clientHeight || Infinity, window.innerHeight - header) - (header ? 8 : 24);
}

// How many pictures stand in each row, the remainder in the first rows or in the last.
function rowsOf(count, rows) {
  const [each, more] = [Math.floor(count / rows), count % rows];
  const few = Array.from({ length: rows }, (_, row) => each + (row >= rows - more ? 1 : 0));
  return more ? [few, [...few].reverse()] : [few];
}

// The best of all arrangements: { place, rows, cells (the width in each row), height, side }.
// `pictures` say of each picture whether it is square, how wide its caption and legend are, and what
// its axes and long words at them take of its width and height.
function arrangement({ width, room, tops, pictures, line, large, whole }) {
  const found = [];
  const count = pictures.length;
  const least = LEAST * (large ? 1.15 : 1); // its axes are larger, too
  const side = Math.round(large ? 340 : whole ? 320 : clamp(width * 0.25, 216, 280));
  for (const place of whole ? ["side"] : ["side", "top"]) {
    const wide = width - (place === "side" ? side + GAP : 0);
    for (let number = 1; number <= count; number++) {
      for (const rows of rowsOf(count, number)) {
        const cells = rows.map((inRow) => Math.floor((wide - (inRow - 1) * GAP) / inRow));
        let [first, rest] = [0, room - tops[place] - number * 8];
        const sizes = [];
        rows.forEach((inRow, row) => {
          const own = pictures.slice(first, (first += inRow));
          const lines = (name) => Math.max(...own.map((picture) => Math.ceil(picture[name] / cells[row])));
          rest -= (lines("caption") + lines("legend")) * 1.4 * line;
          sizes.push(...own.map((picture) => ({ ...picture, cell: cells[row] })));
        });
        const widest = Math.max(...cells);
        const height = Math.floor(Math.min(rest / number, widest * 0.85));
        const seen = sizes.map(({ square, cell, edges, beside, below }) =>
          Math.min((cell - edges - beside) * (square ? 1 : 0.85), height - 3.6 * line - below),
        );
        const size = seen[0] + seen.reduce((sum, one) => sum + one, 0); // the first counts twice
        const wideEnough = Math.min(...cells) >= (large ? 300 : 205);
        const readable = sizes.every(({ cell, beside, edges }) => cell - beside - edges >= LEAST / 3);
        const fits = whole ? height >= LEAST / 2 : height >= least && wideEnough && readable;
        found.push({ place, rows, cells, height, side, fits, size });
      }
    }
  }
  const fitting = found.filter((one) => one.fits);
  if (fitting.length) return fitting.reduce((best, one) => (one.size > best.size + 8 ? one : best));
  // Too little room for all: at least the first row is in sight with the controls.
  const columns = clamp(Math.floor(width / (large ? 420 : 300)), 1, count);
  const cell = Math.floor((width - (columns - 1) * GAP) / columns);
  const rows = Array(Math.ceil(count / columns)).fill(columns);
  const height = Math.round(clamp(room - tops.top - 4 * line, 170, cell * 0.8));
  return { place: "top", rows, cells: rows.map(() => cell), side, height };
}
