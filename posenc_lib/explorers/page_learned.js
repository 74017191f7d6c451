// Position tables by norm, value and angle, computed in the page. learned.py does the same in the
// kernel. `data` has MiniLM's table in half precision and the reader's own table.

const decodedTables = new WeakMap();

IN_PAGE.learned = ({ table, length, dim, start, reference }, data) => {
  const needed = Math.max(start + length, reference + 1);
  const values = kept(data, "values", [table, needed, dim], () => learnedTable(table, needed, dim, data));
  const shown = kept(data, "shown", [table, dim, start, length], () => shownRows(values, { length, dim, start }));
  return learnedViews(shown, unitRows(values, dim, reference, 1), { length, dim, start, reference });
};

// The first rows and columns of a table, row by row.
function learnedTable(name, rows, dim, data) {
  if (name === "sinusoidal") {
    const made = new Float64Array(rows * dim);
    for (let i = 0; i < dim; i++) {
      const frequency = 10_000 ** (-(i - (i % 2)) / dim);
      const wave = i % 2 ? Math.cos : Math.sin;
      for (let row = 0; row < rows; row++) made[row * dim + i] = wave(row * frequency);
    }
    return made;
  }
  const [all, columns] = wholeTable(name, data);
  const made = new Float64Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < dim; i++) made[row * dim + i] = all[row * columns + i];
  }
  return made;
}

function wholeTable(name, data) {
  if (name === "your own") return [numbers(data.own, Float64Array), data.shape[1]];
  if (name === "random start") return [drawn(name, 512, 384).map((value) => data.spread * value), 384];
  if (!decodedTables.has(data)) {
    decodedTables.set(data, Float64Array.from(numbers(data.trained, Uint16Array), halfPrecision));
  }
  return [decodedTables.get(data), 384];
}

// A number in half precision from its 16 bits.
function halfPrecision(bits) {
  const [sign, power, part] = [bits >> 15, (bits >> 10) & 31, bits & 1023];
  const size = power ? (1 + part / 1024) * 2 ** (power - 15) : part * 2 ** -24;
  return sign ? -size : size;
}

// All that does not depend on the row of reference.
function shownRows(values, { length, dim, start }) {
  const shown = values.subarray(start * dim, (start + length) * dim);
  const norms = new Float64Array(length);
  for (let row = 0; row < length; row++) {
    let sum = 0;
    for (let i = row * dim; i < (row + 1) * dim; i++) sum += shown[i] * shown[i];
    norms[row] = Math.sqrt(sum);
  }
  const unit = unitRows(shown, dim, 0, length);
  const top = quantileOfSizes(shown, 0.995) || 1;
  return { shown, norms, top, unit, alike: cosinesBetween(unit, dim, length) };
}

function learnedViews({ shown, norms, top, unit, alike }, one, { length, dim, start, reference }) {
  const positions = range(start, length);
  const most = 1.05 * norms.reduce((a, b) => Math.max(a, b), 0) || 1;
  const row = `row ${reference}`;
  const picks = ["reference", null];
  const chosen = [[reference, null]];
  const seen = range(0, length).map((at) => cosineOf(tableRow(unit, dim, at), one));
  return [
    curves(
      "norms of the rows", positions, [norms], ["norm"], ["position", "norm of the row"],
      { limits: [0, most], marks: [[reference, row]], picks },
    ),
    heatmap(
      "table", shown, [length, dim], ["position", "dimension", "value"],
      { limits: [-top, top], starts: [start, 0], marks: chosen, picks },
    ),
    heatmap(
      "similarity of the rows", alike, [length, length], ["position", "other position", "cosine"],
      { limits: [-1, 1], starts: [start, start], square: true, marks: chosen, picks },
    ),
    curves(
      `seen from ${row}`, positions.map((at) => at - reference), [seen], ["cosine"],
      [`offset from ${row} (positions)`, "cosine"], { limits: [-1.05, 1.05], marks: [[0, row]] },
    ),
  ];
}

// As NumPy's quantile: a straight line between the two nearest. Only the numbers about that rank are
// sorted: first all are counted into equal steps of size.
function quantileOfSizes(values, share) {
  const sizes = Float64Array.from(values);
  let most = 0;
  for (let i = 0; i < sizes.length; i++) {
    sizes[i] = Math.abs(sizes[i]);
    if (sizes[i] > most) most = sizes[i];
  }
  if (!most) return 0;
  const steps = 4096;
  const stepOf = (size) => Math.min(Math.floor((size / most) * steps), steps - 1);
  const counts = new Uint32Array(steps);
  for (let i = 0; i < sizes.length; i++) counts[stepOf(sizes[i])] += 1;
  const at = share * (sizes.length - 1);
  const ranks = [Math.floor(at), Math.min(Math.floor(at) + 1, sizes.length - 1)];
  const [low, high] = ranks.map((rank) => {
    let [step, before] = [0, 0];
    while (before + counts[step] <= rank) before += counts[step++];
    return sizes.filter((size) => stepOf(size) === step).sort()[rank - before];
  });
  return low + (high - low) * (at - ranks[0]);
}

// So many rows, from `first` on, at length 1; a row of zeros has no direction: NaN.
function unitRows(values, dim, first, rows) {
  const unit = values.slice(first * dim, (first + rows) * dim);
  for (let at = 0; at < unit.length; at += dim) {
    let sum = 0;
    for (let i = at; i < at + dim; i++) sum += unit[i] * unit[i];
    const size = sum > 0 ? Math.sqrt(sum) : NaN;
    for (let i = at; i < at + dim; i++) unit[i] /= size;
  }
  return unit;
}

const asCosine = (sum) => (sum === sum ? clamp(sum, -1, 1) : NaN);

function cosineOf(one, other) {
  let sum = 0;
  for (let i = 0; i < one.length; i++) sum += one[i] * other[i];
  return asCosine(sum);
}

// Four columns at once: a number of the row is read once for all of them.
function cosinesBetween(unit, dim, length) {
  const made = new Float64Array(length * length);
  const keep = (row, column, sum) => {
    made[row * length + column] = made[column * length + row] = asCosine(sum);
  };
  for (let row = 0; row < length; row++) {
    const left = row * dim;
    let column = row;
    for (; column + 3 < length; column += 4) {
      let [a, b, c, d] = [0, 0, 0, 0];
      const one = column * dim - left;
      const [two, three, four] = [one + dim, one + 2 * dim, one + 3 * dim];
      for (let i = left; i < left + dim; i++) {
        const value = unit[i];
        a += value * unit[i + one];
        b += value * unit[i + two];
        c += value * unit[i + three];
        d += value * unit[i + four];
      }
      keep(row, column, a);
      keep(row, column + 1, b);
      keep(row, column + 2, c);
      keep(row, column + 3, d);
    }
    for (; column < length; column++) keep(row, column, cosineOf(tableRow(unit, dim, row), tableRow(unit, dim, column)));
  }
  return made;
}

const tableRow = (unit, dim, row) => unit.subarray(row * dim, (row + 1) * dim);
