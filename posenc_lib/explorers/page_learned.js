// Position tables by norm, value and angle, computed in the page. learned.py does the same in the
// kernel. `data` has MiniLM's table in half precision and the reader's own table.

const decodedTables = new WeakMap();

IN_PAGE.learned = ({ table, length, dim, start, reference }, data) => {
  const needed = Math.max(start + length, reference + 1);
  const values = kept(data, "values", [table, needed, dim], () => learnedTable(table, needed, dim, data));
  const shown = kept(data, "shown", [table, dim, start, length], () => shownRows(values, { table, length, dim, start }, data));
  return learnedViews(shown, tableRow(values, dim, reference), { length, dim, start, reference });
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
function shownRows(values, { table, length, dim, start }, data) {
  const shown = values.subarray(start * dim, (start + length) * dim);
  const norms = Float64Array.from(range(0, length), (row) => normOf(tableRow(shown, dim, row)));
  const top = quantileOfSizes(shown, 0.995) || 1;
  // The columns of the sinusoidal table are others in another dim.
  const of = table === "sinusoidal" ? [table, dim] : [table];
  const pairs = kept(data, "pairs", of, () => new PairsOfRows());
  return { shown, norms, top, alike: pairs.cosines(values, norms, { length, dim, start }) };
}

function learnedViews({ shown, norms, top, alike }, one, { length, dim, start, reference }) {
  const positions = range(start, length);
  const most = 1.05 * norms.reduce((a, b) => Math.max(a, b), 0) || 1;
  const row = `row ${reference}`;
  const picks = ["reference", null];
  const chosen = [[reference, null]];
  const size = normOf(one);
  const seen = range(0, length).map((at) => asCosine(dotOf(tableRow(shown, dim, at), one) / (norms[at] * size)));
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
  const [last, counts, steps] = [4095, new Uint32Array(4096), new Uint16Array(sizes.length)];
  for (let i = 0; i < sizes.length; i++) {
    steps[i] = Math.min((sizes[i] / most) * 4096, last); // stored without its fraction
    counts[steps[i]] += 1;
  }
  const at = share * (sizes.length - 1);
  const ranks = [Math.floor(at), Math.min(Math.floor(at) + 1, sizes.length - 1)];
  const [low, high] = ranks.map((rank) => {
    let [step, before, place] = [0, 0, 0];
    while (before + counts[step] <= rank) before += counts[step++];
    const about = new Float64Array(counts[step]);
    for (let i = 0; i < steps.length; i++) if (steps[i] === step) about[place++] = sizes[i];
    return about.sort()[rank - before];
  });
  return low + (high - low) * (at - ranks[0]);
}

const normOf = (row) => Math.sqrt(dotOf(row, row));
const asCosine = (ratio) => (ratio === ratio ? clamp(ratio, -1, 1) : NaN); // a row of zeros has none

// The products of all rows shown with one another. A move computes what it adds or takes away, rows
// or columns of the table; the other products stay from the picture before. Of few columns all are
// made again: it is soon done, and what is taken away leaves a last digit behind.
class PairsOfRows {
  was = { length: 0 };

  cosines(values, norms, now) {
    const { was } = this;
    const { length, dim, start } = now;
    const stay = was.length === length && was.start === start;
    let { products } = was;
    if (stay && dim >= was.dim) addProducts(products, values, now, [was.dim, dim], 1);
    else if (stay && was.dim <= 1.125 * dim) addProducts(products, was.values, was, [dim, was.dim], -1);
    else products = this.ofOtherRows(values, now);
    this.was = { ...now, values, products };
    const cosines = new Float64Array(length * length);
    for (let row = 0, at = 0; row < length; row++) {
      for (let column = 0; column < length; column++, at++) {
        cosines[at] = asCosine(products[at] / (norms[row] * norms[column]));
      }
    }
    return cosines;
  }

  ofOtherRows(values, now) {
    const { was } = this;
    const { length, dim, start } = now;
    const products = new Float64Array(length * length);
    const shift = start - was.start;
    const [from, to] = [Math.max(-shift, 0), Math.min(was.length - shift, length)];
    const known = was.dim === dim && from < to ? [from, to] : [0, 0];
    for (let row = known[0]; row < known[1]; row++) {
      const at = (row + shift) * was.length + shift;
      products.set(was.products.subarray(at + known[0], at + known[1]), row * length + known[0]);
    }
    addProducts(products, values, now, [0, dim], 1, known);
    return products;
  }
}

// Adds the products over the columns from `low` to `high` of the table, for all pairs of rows but
// those of two known rows. Four at once: a number of the row is read once for all of them.
function addProducts(products, values, { length, dim, start }, [low, high], sign, [from, to] = [0, 0]) {
  const add = (row, column, sum) => {
    products[column * length + row] = products[row * length + column] += sign * sum;
  };
  for (let row = 0; row < length; row++) {
    const left = (start + row) * dim;
    const others = (column) => (start + column) * dim - left;
    let column = from <= row && row < to ? to : row;
    for (; column + 3 < length; column += 4) {
      let [a, b, c, d] = [0, 0, 0, 0];
      const one = others(column);
      const [two, three, four] = [one + dim, one + 2 * dim, one + 3 * dim];
      for (let i = left + low; i < left + high; i++) {
        const value = values[i];
        a += value * values[i + one];
        b += value * values[i + two];
        c += value * values[i + three];
        d += value * values[i + four];
      }
      add(row, column, a);
      add(row, column + 1, b);
      add(row, column + 2, c);
      add(row, column + 3, d);
    }
    for (; column < length; column++) {
      let sum = 0;
      const one = others(column);
      for (let i = left + low; i < left + high; i++) sum += values[i] * values[i + one];
      add(row, column, sum);
    }
  }
}
