// One patch and all the others, computed in the page. grid.py does the same in the kernel. `data` says
// how many axes an encoding has, where its key is turned to, and holds a learned table.

IN_PAGE.grid = ({ encoding, row, column, base, ...size }, data) => {
  const [rows, columns] = data.grid ?? [size.rows, size.columns];
  const alike = data.axes[encoding]
    ? wavesAlike(data, encoding, [rows, columns], [row, column], base)
    : cosinesWith(numbers(data.learned, Float64Array), rows * columns, row * columns + column);
  return gridViews(alike, [rows, columns], [row, column], data.scored.includes(encoding));
};

// The vectors of all places are equally long, so a cosine is the mean of the cosines of the angles
// between their pairs; so is the score of ones, over the lengths of query and key.
function wavesAlike({ dim, axes, ahead }, encoding, [rows, columns], [row, column], base) {
  const number = axes[encoding];
  const width = dim / number;
  const [down, right] = ahead[encoding] ?? [0, 0];
  const w = range(0, width / 2).map((pair) => base ** ((-2 * pair) / width));
  const along = (count) =>
    range(0, 2 * count).map((away) => w.reduce((sum, rate) => sum + Math.cos((away - count) * rate), 0));
  const alike = new Float64Array(rows * columns);
  if (number === 1) {
    const sums = along(rows * columns);
    for (let at = 0; at < alike.length; at++) {
      alike[at] = sums[at - row * columns - column + rows * columns] / w.length;
    }
    return alike;
  }
  const [downs, rights] = [along(rows + down), along(columns + right)];
  for (let r = 0, at = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const sum = downs[r - row + down + rows + down] + rights[c - column + right + columns + right];
      alike[at++] = sum / (2 * w.length);
    }
  }
  return alike;
}

function cosinesWith(table, count, chosen) {
  const width = table.length / count;
  const dot = (a, b) => dotOf(tableRow(table, width, a), tableRow(table, width, b));
  const size = range(0, count).map((at) => Math.max(Math.sqrt(dot(at, at)), 1e-8));
  return Float64Array.from(range(0, count), (at) => dot(at, chosen) / (size[at] * size[chosen]));
}

function gridViews(alike, [rows, columns], [row, column], scored) {
  const far = Math.max(rows, columns) - 1;
  const [across, upright] = [0, 0].map(() => new Array(2 * far + 1).fill(NaN));
  for (let c = 0; c < columns; c++) across[far - column + c] = alike[row * columns + c];
  for (let r = 0; r < rows; r++) upright[far - row + r] = alike[r * columns + column];
  const token = row * columns + column;
  const measure = scored ? "score" : "cosine";
  const limits = [-1.05, 1.05];
  const below = token + columns < rows * columns ? [[token + columns, "below it"]] : [];
  return [
    heatmap(
      `${measure} of patch (${row}, ${column}) with each`, alike, [rows, columns],
      ["row (patches)", "column (patches)", measure],
      {
        limits: [-1, 1], square: true, numbers: rows * columns <= 64,
        marks: [[row, column]], picks: ["row", "column"],
      },
    ),
    curves(
      "through the patch", range(-far, 2 * far + 1), [across, upright],
      ["along its row", "along its column"], ["distance from the patch (patches)", measure],
      { limits, marks: [[0, "the patch"]] },
    ),
    curves(
      `in the order of the tokens; the patch is token ${token}`, range(0, rows * columns), [alike],
      [measure], ["number of the token (row * columns + column)", measure],
      { limits, marks: [[token, "the patch"], ...below] },
    ),
  ];
}
