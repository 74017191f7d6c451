// The panel of relative positions, computed in the page. relative.py and relative_biases.py do the
// same in the kernel. `data` has what they take from the library or draw: the edges of T5's
// buckets, ALiBi's slopes, query vectors and Shaw's table.

const BY_DISTANCE = "key minus query (positions)";

IN_PAGE.relative = (settings, data) => {
  const { form, length, queries, offset } = settings;
  const distances = range(1 - queries - offset, queries + length - 1); // all that occur, rising
  const { query, key } = settings;
  const asked = { ...settings, distances, data, distance: key - query - offset };
  if (form === "Shaw" || form === "NEZHA") return tableScores(asked);
  const causal = form.endsWith("causal");
  if (form.startsWith("T5")) return buckets({ ...asked, causal });
  if (form.startsWith("ALiBi")) return penalties({ ...asked, causal });
  return plainDistances(asked);
};

// A (queries, keys) matrix of something that depends on the distance only.
function toeplitz({ queries, length, offset }, value) {
  const made = new Float64Array(queries * length);
  for (let i = 0, at = 0; i < queries; i++) {
    for (let j = 0; j < length; j++) made[at++] = value(j - i - offset);
  }
  return made;
}

// With the row of the query that is shown, and every cell of the same distance as the one shown.
function squareOf(name, values, { queries, length, offset, query, distance }, label, options = {}) {
  const alike = range(0, queries)
    .map((i) => [i, i + offset + distance])
    .filter(([, j]) => j >= 0 && j < length);
  const chosen = { marks: [[query, null], ...alike], picks: ["query", "key"], square: true };
  return heatmap(name, values, [queries, length], ["query", "key", label], { ...options, ...chosen });
}

// For curves over distances: that of the cell shown, and where clipping begins.
function distanceMarks({ distance }, distances, clip = []) {
  const words = new Map();
  for (const end of clip) words.set(end, end < 0 ? "−K" : "K");
  const own = `distance ${distance}`.replace("-", "−");
  words.set(distance, words.has(distance) ? `${own}, ${words.get(distance)}` : own);
  const [first, last] = [distances[0], distances[distances.length - 1]];
  return [...words].filter(([at]) => at >= first && at <= last).sort((a, b) => a[0] - b[0]);
}

// A tap on a distance chooses the key that stands there, seen from the query.
function keysAt({ query, offset, length }, distances) {
  const keys = distances.map((distance) => distance + query + offset);
  return ["key", keys.map((key) => (key >= 0 && key < length ? key : null))];
}

const ends = (clip) => (clip ? [-clip, clip] : [0]);

function plainDistances(asked) {
  const { form, clip, distances } = asked;
  const made = {
    raw: (distance) => distance,
    clipped: (distance) => clamp(distance, -clip, clip),
    band: (distance) => (Math.abs(distance) <= clip ? distance : NaN),
  }[form];
  const name = { raw: "key minus query", clipped: `clipped at ${clip}`, band: `within ${clip}` }[form];
  const matrix = toeplitz(asked, made);
  const far = Math.max(...distances.map(Math.abs), 1);
  const counts = new Map();
  for (const value of matrix) if (value === value) counts.set(value, (counts.get(value) ?? 0) + 1);
  if (!counts.size) counts.set(0, 0); // a band that no key falls into
  const found = [...counts.keys()].sort((a, b) => a - b);
  const pairs = found.map((value) => counts.get(value));
  const { query, key, distance } = asked;
  const value = made(distance);
  return [
    squareOf(name, matrix, asked, "positions", { limits: [-far, far] }),
    curves(
      "How many pairs share a value", found, [pairs], ["pairs"],
      ["value in the matrix (positions)", "number of pairs"],
      {
        limits: [0, 1.05 * Math.max(...pairs, 1)],
        marks: value === value ? [[value, `query ${query}, key ${key}`]] : [],
      },
    ),
    curves(
      `${name}, by distance`, distances, [distances.map(made)], ["value"], [BY_DISTANCE, "positions"],
      {
        limits: [-1.05 * far, 1.05 * far],
        marks: distanceMarks(asked, distances, form === "raw" ? [] : ends(clip)),
        picks: [keysAt(asked, distances), null],
      },
    ),
  ];
}

function buckets(asked) {
  const { causal, data } = asked;
  const { edges, buckets: count } = data.t5[causal ? 1 : 0];
  const bucketOf = (distance) => {
    const steps = causal ? Math.max(-distance, 0) : Math.abs(distance);
    let bucket = 0;
    while (bucket < edges.length && edges[bucket] <= steps) bucket++;
    return !causal && distance > 0 ? bucket + count / 2 : bucket;
  };
  const matrix = toeplitz(asked, (distance) => (causal && distance > 0 ? NaN : bucketOf(distance)));
  const pairs = new Array(count).fill(0);
  for (const bucket of matrix) if (bucket === bucket) pairs[bucket] += 1;
  const shown = asked.distances.filter((distance) => !causal || distance <= 0);
  const name = causal ? "T5 buckets, causal" : "T5 buckets";
  const last = count - 1;
  const own = bucketOf(asked.distance);
  const seen = !causal || asked.distance <= 0;
  return [
    squareOf(name, matrix, asked, "bucket", { limits: [0, last], palette: "sequential" }),
    curves(
      "How many pairs share a bucket", range(0, count), [pairs], ["pairs"], ["bucket", "number of pairs"],
      { limits: [0, 1.05 * Math.max(...pairs)], marks: seen ? [[own, `bucket ${own}`]] : [] },
    ),
    curves(
      `${name}, by distance`, shown, [shown.map(bucketOf)], ["bucket"], [BY_DISTANCE, "bucket"],
      {
        limits: [-0.05 * last, 1.05 * last],
        marks: distanceMarks(asked, shown),
        picks: [keysAt(asked, shown), null],
      },
    ),
  ];
}

function penalties(asked) {
  const { causal, head, data } = asked;
  const { slopes, names } = data.alibi;
  const penalty = (slope) => (distance) => slope * (causal ? distance : -Math.abs(distance)) + 0;
  const own = penalty(slopes[head]);
  const matrix = toeplitz(asked, (distance) => (causal && distance > 0 ? NaN : own(distance)));
  const shown = asked.distances.filter((distance) => !causal || distance <= 0);
  const all = slopes.map((slope) => shown.map(penalty(slope)));
  const lowest = Math.min(...all.flat(), -0.5); // one scale for every head
  const legend = names.map((name, i) => `head ${i} (${name})`);
  const title = `${causal ? "ALiBi, causal" : "ALiBi"}, head ${head} (slope ${names[head]}): bias`;
  const chosen = { marks: distanceMarks(asked, shown), picks: [keysAt(asked, shown), "head"] };
  return [
    squareOf(title, matrix, asked, "bias", { limits: [lowest, 0], palette: "sequential" }),
    curves(
      "what is left of a weight", shown, all.map((bias) => bias.map(Math.exp)), legend,
      [BY_DISTANCE, "factor, exp(bias)"], { limits: [0, 1.05], ...chosen },
    ),
    curves(
      "bias of every head (slope)", shown, all, legend, [BY_DISTANCE, "added to the score"], chosen,
    ),
  ];
}

// What a row of the table, for a distance clipped to K, gives with each query.
function tableScores(asked) {
  const { form, queries, clip, dim, same_query: same, distances, data } = asked;
  const { columns, farthest } = data.draws;
  const drawn = numbers(data.draws.queries, Float32Array);
  const trained = numbers(data.draws.rows, Float32Array);
  const rows = 2 * clip + 1;
  const table = new Float64Array(rows * dim);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < dim; column++) {
      const angle = (row - clip) * 10_000 ** (-(column - (column % 2)) / dim);
      const wave = () => Math.fround(column % 2 ? Math.cos(angle) : Math.sin(angle));
      table[at++] = form === "Shaw" ? trained[(farthest - clip + row) * columns + column] : wave();
    }
  }
  const scores = range(0, same ? 1 : queries).map((query) => {
    const score = new Float64Array(rows);
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let i = 0; i < dim; i++) sum += drawn[query * columns + i] * table[row * dim + i];
      score[row] = sum / Math.sqrt(dim);
    }
    return score;
  });
  const scoreOf = (query, distance) => scores[same ? 0 : query][clamp(distance, -clip, clip) + clip];
  const { length, offset } = asked;
  const matrix = new Float64Array(queries * length);
  for (let i = 0, at = 0; i < queries; i++) {
    for (let j = 0; j < length; j++) matrix[at++] = scoreOf(i, j - i - offset);
  }
  const chosen = same ? [0] : [...new Set([0, Math.floor(queries / 2), queries - 1, asked.query])];
  return [
    squareOf(`${form}: q · a`, matrix, asked, "score"),
    curves(
      `${form} score by distance`, distances,
      chosen.map((query) => distances.map((distance) => scoreOf(query, distance))),
      same ? ["every query"] : chosen.map((query) => `query ${query}`), [BY_DISTANCE, "score"],
      {
        marks: distanceMarks(asked, distances, ends(clip)),
        picks: [keysAt(asked, distances), null],
      },
    ),
    heatmap(
      `${form} table`, table, [rows, dim],
      [`distance (positions), K = ${clip}`, "dimension", "value"],
      {
        starts: [-clip, 0],
        marks: [[clamp(asked.distance, -clip, clip), null]],
        picks: [keysAt(asked, range(-clip, rows)), null],
      },
    ),
  ];
}
