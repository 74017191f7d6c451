// How a panel fills its place: controls above or at the left, the pictures in as many columns as make
// them largest, all of it within the part of the notebook that is in sight.

const GAP = 14; // between pictures, in pixels
const LEAST = 130; // a picture lower than this cannot be read
const FRAME = ".jp-WindowedPanel-outer, .jp-Notebook, .posenc-room"; // what scrolls a notebook

// The height that a reader sees at once.
function roomOf(root) {
  const frame = root.closest(FRAME);
  if (frame?.matches(".posenc-room")) return frame.clientHeight; // it may be scaled: the window says nothing
  const height = Math.min(frame?.clientHeight || Infinity, window.innerHeight);
  return height - 24;
}

// The best of all arrangements: { place, columns, height of a picture, side }.
function arrangement({ width, room, tops, legends, count, line, large }) {
  const found = [];
  const side = Math.round(large ? 340 : clamp(width * 0.25, 216, 280));
  for (const place of ["side", "top"]) {
    const left = place === "side" ? side + GAP : 0;
    const wide = width - left;
    for (let columns = 1; columns <= count; columns++) {
      const cell = Math.floor((wide - (columns - 1) * GAP) / columns);
      const rows = Math.ceil(count / columns);
      const empty = rows * columns - count;
      if (empty >= columns || (empty && rows < 2)) continue;
      let rest = room - tops[place] - rows * (1.5 * line + 8);
      for (let row = 0; row < rows; row++) {
        const inRow = legends.slice(row * columns, (row + 1) * columns);
        rest -= Math.max(...inRow.map((needs) => (needs ? Math.ceil(needs / cell) : 0))) * 1.4 * line;
      }
      const height = Math.floor(Math.min(rest / rows, cell * 0.85));
      const fits = height >= LEAST && cell >= (large ? 300 : 210);
      found.push({ place, columns, cell, height, side, fits, size: Math.min(cell * 0.72, height) });
    }
  }
  const fitting = found.filter((one) => one.fits);
  if (fitting.length) return fitting.reduce((best, one) => (one.size > best.size + 4 ? one : best));
  // Too little room for all: at least the first row is in sight with the controls.
  const columns = clamp(Math.floor(width / (large ? 420 : 300)), 1, count);
  const cell = Math.floor((width - (columns - 1) * GAP) / columns);
  const rest = room - tops.top - 4 * line;
  return { place: "top", columns, cell, side, height: Math.round(clamp(rest, 170, cell * 0.8)) };
}
