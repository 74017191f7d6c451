// The untrained layer of the attention panel, the playground and every encoding of the registry.
// attention_layer.py does the same with the library's own layer; page_forms.py says which
// arithmetic an encoding needs and exports its numbers. Matrices are Float64Array, row after row.

const layerData = new WeakMap(); // arrays of the shelf, read once

function shelfOf(data, number) {
  if (!layerData.has(data)) layerData.set(data, new Map());
  const read = layerData.get(data);
  if (!read.has(number)) read.set(number, numbers(data.shelf[number], Float64Array));
  return read.get(number);
}

// The part for one size of an array that holds half as many numbers as each size, for all in turn;
// `share` of them where they serve one axis of a grid.
function wavesOf(data, number, sizes, size, share = 1) {
  let start = 0;
  for (const each of sizes) {
    if (each === size) break;
    start += each / (2 * share);
  }
  return shelfOf(data, number).subarray(start, start + size / (2 * share));
}

// What became of the words of a sentence, as tokens_of says it in Python.
function tokensOf(sentence, length) {
  const words = wordsOf(sentence);
  if (!words.length) throw new Refused("The sentence has no word: type at least one");
  const tokens = range(0, length).map((i) => words[i % words.length]);
  if (length < words.length) return [tokens, `the first ${length} of ${words.length} words`];
  if (words.length === 1) return [tokens, "one word again and again"];
  const again = length > words.length ? " again and again" : "";
  return [tokens, `the ${words.length} words${again}`];
}

function checkFuture({ title, causal }, mask) {
  if (causal && mask !== "causal") {
    throw new Refused(`${title} knows no future: choose the causal mask`);
  }
}

// The first and the last key, plus 1, that each query sees.
const seenBy = (mask, length, window) => (i) =>
  [mask === "window" ? Math.max(i - window, 0) : 0,
    { none: length, causal: i + 1, window: Math.min(i + window + 1, length) }[mask]];

// The colour and dashes of one encoding or two: each keeps its own, whichever stands first.
function stylesOf(names, { forms, colours, styles: count }) {
  const known = Object.keys(forms);
  const places = names.map((name) => known.indexOf(name));
  const styles = places.map((place) => place % count);
  if (new Set(styles.map((style) => style % colours)).size < styles.length) {
    const later = places.indexOf(Math.max(...places));
    styles[later] = (styles[later] + 1) % count;
  }
  return styles;
}

// --- products ------------------------------------------------------------------------------------

// x (rows, dim) times columns from .. from + width of a square matrix of N(0, 1 / dim).
function projected(x, rows, name, { dim, head, width, scale = 1 }) {
  const [matrix, from, root] = [drawn(name, dim, dim), head * width, scale / Math.sqrt(dim)];
  const out = new Float64Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const to = row * width;
    for (let i = 0, at = from; i < dim; i += 2, at += 2 * dim) { // two at a time: dim is even
      const one = x[row * dim + i] * root;
      const other = x[row * dim + i + 1] * root;
      for (let column = 0; column < width; column++) {
        out[to + column] += one * matrix[at + column] + other * matrix[at + dim + column];
      }
    }
  }
  return out;
}

function headDot(one, at, other, from, width) {
  let [even, odd] = [0, 0]; // two sums run side by side: width is even
  for (let i = 0; i < width; i += 2) {
    even += one[at + i] * other[from + i];
    odd += one[at + i + 1] * other[from + i + 1];
  }
  return even + odd;
}

// --- the doors -----------------------------------------------------------------------------------

// Door 1: the vector of each place, or null. On a grid the axes stand side by side.
function addedVectors(form, { length, dim }, data) {
  if (form.kind !== "waves" && form.kind !== "tables") return null;
  const { columns } = form;
  const axes = columns ? 2 : 1;
  const part = dim / axes;
  const made = new Float64Array(length * dim);
  const waves = form.kind === "waves" && wavesOf(data, form.waves, data.sizes.dims, dim, axes);
  const places = (place) => (columns ? [Math.floor(place / columns), place % columns] : [place]);
  const all = range(0, length).map(places);
  for (let axis = 0; axis < axes; axis++) {
    const most = Math.max(...all.map((at) => at[axis])) + 1;
    const table = waves ? null : drawn(form.tables[axis], most, part);
    all.forEach((at, place) => {
      const to = place * dim + axis * part;
      if (table) return made.set(table.subarray(at[axis] * part, (at[axis] + 1) * part), to);
      waves.forEach((wave, pair) => {
        made[to + 2 * pair] = Math.sin(at[axis] * wave);
        made[to + 2 * pair + 1] = Math.cos(at[axis] * wave);
      });
    });
  }
  return made;
}

// Door 2: turn queries (sign 1) or keys (sign -1) in place, by the angles of their places.
function turnVectors(x, form, sign, { length, width }, data) {
  const { columns, magnitude, half } = form;
  const waves = wavesOf(data, form.waves, data.sizes.heads, width, columns ? 2 : 1);
  const fades = form.fades === null ? null : wavesOf(data, form.fades, data.sizes.heads, width);
  const pairs = width / 2;
  for (let place = 0; place < length; place++) {
    const at = columns ? [Math.floor(place / columns), place % columns] : [place];
    for (let pair = 0; pair < pairs; pair++) {
      const axis = Math.floor(pair / waves.length);
      const angle = at[axis] * waves[pair % waves.length];
      const size = magnitude * (fades ? Math.exp(sign * place * fades[pair]) : 1);
      const [cosine, sine] = [size * Math.cos(angle), size * Math.sin(angle)];
      const first = place * width + (half ? pair : 2 * pair);
      const second = first + (half ? pairs : 1);
      const [one, other] = [x[first], x[second]];
      x[first] = one * cosine - other * sine;
      x[second] = other * cosine + one * sine;
    }
  }
}

// Door 3: what is added to the score of query i and key j, as a function of both; null: nothing.
// `scores` are the scaled products of this head, for CoPE, which counts with them.
function addedToScores(form, ...asked) {
  const made = { biases: distanceBiases, rows: relativeRows, transformer_xl: transformerXl, cope: copeScores };
  return made[form.kind]?.(form, ...asked) ?? null;
}

// A number for each head and distance.
function distanceBiases(form, { head, heads, mask, most }, query, key, scores, seen, data) {
  const side = form.sides[mask === "causal" ? "causal" : "both"];
  const table = shelfOf(data, side.rows);
  const [count, row] = [side.alike ? most : 2 * most - 1, side.of[heads][head]];
  const from = row * count + (side.alike ? 0 : most - 1);
  return (i, j) => table[from + (side.alike ? Math.abs(j - i) : j - i)];
}

// Shaw and NEZHA: the query times the row of the distance, which is clipped.
function relativeRows(form, { length, width }, query, key, scores, seen, data) {
  const { last } = form;
  const rows = 2 * last + 1;
  let table;
  if (form.table) table = drawn(form.table, rows, width);
  else {
    table = new Float64Array(rows * width);
    const waves = wavesOf(data, form.waves, data.sizes.heads, width);
    for (let row = 0; row < rows; row++) {
      waves.forEach((wave, pair) => {
        table[row * width + 2 * pair] = Math.sin((row - last) * wave);
        table[row * width + 2 * pair + 1] = Math.cos((row - last) * wave);
      });
    }
  }
  const far = Math.min(last, length - 1); // rows of greater distances are not asked for
  const found = new Float64Array(length * rows);
  for (let i = 0; i < length; i++) {
    for (let row = last - far; row <= last + far; row++) {
      found[i * rows + row] = headDot(query, i * width, table, row * width, width) / Math.sqrt(width);
    }
  }
  return (i, j) => found[i * rows + clamp(j - i, -last, last) + last];
}

// (u . k_j + (q_i + v) . W r_(i - j)) / sqrt(head_dim), r = sines, then cosines, of the distance.
function transformerXl(form, asked, query, key, scores, seen, data) {
  const { length, width, dim, head, heads, mask } = asked;
  const waves = wavesOf(data, form.waves, data.sizes.dims, dim);
  const root = Math.sqrt(width);
  const matrix = drawn("to_vectors.weight", dim, dim); // (out, in)
  const [u, v] = ["u", "v"].map((name) =>
    drawn(name, heads, width).subarray(head * width, (head + 1) * width),
  );
  const count = mask === "causal" ? length : 2 * length - 1; // distances that are asked for
  const vectors = new Float64Array(count * width);
  const r = new Float64Array(dim);
  for (let away = 0; away < count; away++) {
    const steps = length - 1 - away; // query minus key
    waves.forEach((wave, pair) => {
      r[pair] = Math.sin(steps * wave);
      r[dim / 2 + pair] = Math.cos(steps * wave);
    });
    for (let out = 0; out < width; out++) {
      vectors[away * width + out] = headDot(matrix, (head * width + out) * dim, r, 0, dim) / Math.sqrt(dim);
    }
  }
  const content = range(0, length).map((j) => headDot(u, 0, key, j * width, width) / root);
  const liked = query.map((value, at) => value + v[at % width]);
  return (i, j) => {
    const away = j - i + length - 1;
    return content[j] + headDot(liked, i * width, vectors, away * width, width) / root;
  };
}

// q_i . e[p_ij], p_ij the gates from key j up to the query, between whole places interpolated.
function copeScores(form, { length, width }, query, key, scores, seen) {
  const { last } = form;
  const table = drawn("table", last + 1, width);
  const found = new Float64Array(length * length);
  const likes = new Float64Array(last + 1);
  for (let i = 0; i < length; i++) {
    for (let at = 0; at <= Math.min(last, i + 1); at++) {
      likes[at] = headDot(query, i * width, table, at * width, width);
    }
    let place = 0;
    for (let j = i; j >= seen(i)[0]; j--) {
      place += 1 / (1 + Math.exp(-scores[i * length + j]));
      const at = Math.min(place, last);
      const [low, share] = [Math.floor(at), at - Math.floor(at)];
      found[i * length + j] = share * likes[Math.ceil(at)] + (1 - share) * likes[low];
    }
  }
  return (i, j) => found[i * length + j];
}

// --- the layer -----------------------------------------------------------------------------------

// A function of an encoding's name that gives scores and weights of one head, (length, length);
// NaN where a query does not see a key. `asked`: dim, heads, head, mask, and the scale of queries.
function untrainedLayer(tokens, asked, data) {
  const { dim, heads, head, mask, scale = 1 } = asked;
  const length = tokens.length;
  const width = dim / heads;
  const sizes = { ...asked, length, width, most: data.longest };
  const seen = seenBy(mask, length, data.window);
  const words = [...new Set(tokens)]; // each is multiplied once
  const x = new Float64Array(words.length * dim);
  words.forEach((word, row) => x.set(drawn(word, 1, dim, DRAWN_WORD), row * dim));
  const rows = tokens.map((token) => words.indexOf(token));
  const of = { dim, head, width };
  const ofWords = [
    projected(x, words.length, "queries", { ...of, scale }),
    projected(x, words.length, "keys", of),
  ];
  const attend = (name) => {
    const form = data.forms[name];
    const vectors = addedVectors(form, { length, dim }, data);
    const [query, key] = ofWords.map((made, which) => {
      const all = vectors
        ? projected(vectors, length, which ? "keys" : "queries", which ? of : { ...of, scale })
        : new Float64Array(length * width);
      rows.forEach((row, place) => {
        for (let i = 0; i < width; i++) all[place * width + i] += made[row * width + i];
      });
      if (form.kind === "turns") turnVectors(all, form, which ? -1 : 1, sizes, data);
      return all;
    });
    const scores = new Float64Array(length * length).fill(NaN);
    for (let i = 0; i < length; i++) {
      const [first, end] = seen(i);
      for (let j = first; j < end; j++) {
        scores[i * length + j] = headDot(query, i * width, key, j * width, width) / Math.sqrt(width);
      }
    }
    const added = addedToScores(form, sizes, query, key, scores, seen, data);
    for (let at = 0; added && at < scores.length; at++) {
      if (scores[at] === scores[at]) scores[at] += added(Math.floor(at / length), at % length);
    }
    return { scores, weights: softmaxRows(scores, length) };
  };
  const done = new Map();
  return (name) => done.get(name) ?? done.set(name, attend(name)).get(name);
}

// Softmax of each row over the scores that are there; NaN stays NaN.
function softmaxRows(scores, length) {
  const weights = new Float64Array(scores.length);
  for (let from = 0; from < scores.length; from += length) {
    let [high, total] = [-Infinity, 0];
    for (let j = from; j < from + length; j++) if (scores[j] > high) high = scores[j];
    for (let j = from; j < from + length; j++) {
      weights[j] = Math.exp(scores[j] - high);
      if (weights[j] === weights[j]) total += weights[j];
    }
    for (let j = from; j < from + length; j++) weights[j] /= total;
  }
  return weights;
}

// --- what is drawn of it -------------------------------------------------------------------------

// Mean at each distance from 1 - length on, NaN where nothing is seen.
function meanByDistance(values, length) {
  const [sums, counts] = [new Float64Array(2 * length - 1), new Float64Array(2 * length - 1)];
  for (let i = 0, at = 0; i < length; i++) {
    for (let j = 0; j < length; j++, at++) {
      if (values[at] !== values[at]) continue;
      sums[j - i + length - 1] += values[at];
      counts[j - i + length - 1] += 1;
    }
  }
  return sums.map((sum, at) => sum / counts[at]);
}

const rowOf = (values, length, row) => values.subarray(row * length, (row + 1) * length);
const someMasked = (mask, length, window) =>
  (mask === "causal" && length > 1) || (mask === "window" && length > window + 1);
const maskedWord = (...asked) => (someMasked(...asked) ? " (grey: masked)" : "");
