// The museum's panel, computed in the page. museum.py and museum_servers.py do the same in the
// kernel.

IN_PAGE.museum = (settings, data) =>
  settings.exhibit === "reward"
    ? rewardsTheFuture(settings, data)
    : museumViews[settings.exhibit](settings.length, data);

function rewardsTheFuture({ length, mask, slope, query }, { window, thread }) {
  const seen = seenBy(mask, length, window);
  const labels = ["adds m·j (wrong)", "takes off m·|i - j| (right)"];
  const added = [(i, j) => slope * j, (i, j) => -slope * Math.abs(i - j)].map((bias) => {
    const made = new Float64Array(length * length).fill(NaN);
    for (let i = 0; i < length; i++) {
      for (let [j, end] = seen(i); j < end; j++) made[i * length + j] = bias(i, j);
    }
    return made;
  });
  const weights = added.map((bias) => softmaxRows(bias, length));
  const most = Math.max(...weights.map((part) => extremesOf(part)[0][1]));
  const word = maskedWord(mask, length, window);
  return [
    curves(
      `mean weight by distance (${thread})`, range(1 - length, 2 * length - 1),
      weights.map((part) => meanByDistance(part, length)), labels,
      ["key minus query (positions)", "mean weight"],
      { limits: [0, 1.05], marks: [[0, "distance 0"]] },
    ),
    ...weights.map((part, which) =>
      heatmap(
        `weights: ${labels[which]}`, part, [length, length],
        ["query", "key (one word again and again)", `weight${word}`],
        {
          limits: [0, most], palette: "sequential", square: true,
          marks: [[query, null]], picks: ["query", null],
        },
      ),
    ),
    curves(
      `what is added to the scores of query ${query}`, range(0, length),
      added.map((bias) => rowOf(bias, length, query)), labels, ["position of the key", "bias"],
      { marks: [[query, `query ${query}`]] },
    ),
  ];
}

// A number as float16 holds it: 11 bits, ties to even.
function inHalf(value) {
  if (value === 0) return value;
  const unit = 2 ** (Math.max(Math.floor(Math.log2(Math.abs(value))), -14) - 10);
  const steps = value / unit;
  const below = Math.floor(steps);
  const up = steps - below > 0.5 || (steps - below === 0.5 && below % 2 !== 0);
  return (up ? below + 1 : below) * unit;
}

// The score of equal vectors over its largest: the mean cosine of the pairs.
function meanCos(query, w, key, keyW) {
  let total = 0;
  for (let i = 0; i < w.length; i++) total += Math.cos(query * w[i] - key * keyW[i]);
  return total / w.length;
}

// The order of rows in which each block gives its even rows, then its odd ones.
function reordered(rows, blocks) {
  const size = rows / blocks;
  const half = size / 2;
  const from = (at) => (at < half ? 2 * at : 2 * (at - half) + 1);
  return range(0, rows).map((row) => row - (row % size) + from(row % size));
}

const museumViews = {
  half(length, { threads, half_w: sent }) {
    const w = numbers(sent, Float64Array);
    const at = range(0, 2 * length).map((n) => 8 * n);
    const largest = (made) =>
      at.map((p) => Math.max(...w.map((speed) => Math.abs(made(p, speed) - Math.cos(p * speed)))));
    return [curves(
      `largest error of a cosine (${threads.half})`, at,
      [
        largest((p, speed) => Math.cos(inHalf(inHalf(p) * inHalf(speed)))),
        largest((p, speed) => inHalf(Math.cos(p * speed))),
      ],
      ["angle in float16 (wrong)", "cosine rounded last (right)"], ["position", "error"],
    )];
  },

  ntk(length, { threads }) {
    const [pairs, trained] = [4, 8];
    const longest = Math.max(length, trained) / trained;
    return [curves(
      `a text of 8 tokens, after one of ${length} (${threads.ntk})`, range(0, pairs),
      [range(0, pairs).map((pair) => longest ** (pair / (pairs - 1))), new Array(pairs).fill(1)],
      ["what it is given (wrong)", "what it needs (right)"],
      ["pair", "times slower than trained"],
    )];
  },

  long(length, { threads, trained, short_w: short, long_w: long }) {
    const [before, after] = [short, long].map((w) => numbers(w, Float64Array));
    const now = length > trained ? after : before;
    const score = (speeds) => range(0, length).map((key) => meanCos(length - 1, now, key, speeds(key)));
    return [curves(
      `score of the newest token with each key (${threads.long})`, range(0, length),
      [score((key) => (key < trained ? before : now)), score(() => now)],
      ["old keys as they were (wrong)", "all turned again (right)"],
      ["position of the key", "q · k over its largest"],
    )];
  },

  padding(length, { threads, fillers, short_w: sent }) {
    const w = numbers(sent, Float64Array);
    const score = (query, shift) => range(0, length).map((key) => meanCos(query, w, key + shift, w));
    return [curves(
      `score of the next token behind ${fillers} fillers (${threads.padding})`, range(0, length),
      [score(fillers + length, 0), score(fillers + length, fillers), score(length, 0)],
      [
        "prompt by its own tokens, the next by column (wrong)", "all by column (forgiven)",
        "all by their own tokens (right)",
      ],
      ["token of the prompt", "q · k over its largest"],
    )];
  },

  grouped(length, { threads }) {
    const rows = 16;
    return [["wrong", 4], ["right", 2]].map(([word, blocks]) => {
      const came = new Float64Array(rows * rows);
      reordered(rows, blocks).forEach((from, row) => (came[row * rows + from] = 1));
      return heatmap(
        `${word}: where each row of the keys came from (${threads.grouped})`, came, [rows, rows],
        ["row after", "row before", "taken from here (1)"],
        { limits: [0, 1], palette: "sequential", square: true, numbers: false },
      );
    });
  },

  llama(length, { threads, step, llama_w: sent }) {
    const [plain, scaled] = sent.map((w) => numbers(w, Float64Array));
    const at = range(0, 4 * length + 1).map((n) => (n * step) / 4);
    const alike = (w) => {
      const gap = w.map((speed, pair) => speed - scaled[pair]);
      return at.map((p) => meanCos(0, scaled, p, gap));
    };
    return [curves(
      `a vector turned by both, compared (${threads.llama})`, at, [alike(plain), alike(scaled)],
      ["plain RoPE (wrong)", "scaled as the file says (right)"],
      ["position", "mean cosine of the gap in angle"],
    )];
  },

  t5(length, { threads, buckets }) {
    const newest = length - 1;
    return [curves(
      `bucket of each key, for the newest token (${threads.t5})`, range(0, length),
      [new Array(length).fill(buckets[0]), range(0, length).map((key) => buckets[newest - key])],
      ["newest taken for the first (wrong)", "newest at the end (right)"],
      ["position of the key", "bucket"],
    )];
  },

  pictures(length, { threads, side }) {
    const places = (secondIsText) => {
      const found = [];
      let start = 0;
      const words = (count) => {
        for (let n = 0; n < count; n++, start++) found.push([start, start]);
      };
      const picture = () => {
        for (let cell = 0; cell < side * side; cell++) {
          found.push([start + Math.floor(cell / side), start + (cell % side)]);
        }
        start += side;
      };
      words(2);
      picture();
      words(2);
      if (secondIsText) words(side * side);
      else picture();
      words(2);
      return found;
    };
    const made = [places(true), places(false)];
    return ["row", "column"].map((word, axis) =>
      curves(
        `${word} of each token: words and two pictures (${threads.pictures})`,
        range(0, made[0].length), made.map((tokens) => tokens.map((place) => place[axis])),
        ["picture two as text (wrong)", "a grid for each (right)"], ["token", word],
      ),
    );
  },

  masks(length, { threads, fillers }) {
    const padding = Math.min(fillers, length - 1);
    const shutBy = (i, j) => (j > i) + (j < padding); // by so many of the two masks
    const read = (least) => {
      const made = new Float64Array(length * length);
      for (let i = 0; i < length; i++) {
        const kinds = range(0, length).map((j) => shutBy(i, j));
        const fewest = Math.min(...kinds);
        const taken = kinds.map((kind) => least(kind, fewest));
        const sum = taken.filter(Boolean).length;
        taken.forEach((is, j) => is && (made[i * length + j] = 1 / sum));
      }
      return made;
    };
    return [
      [`two added (${threads.masks})`, (kind, fewest) => kind === fewest],
      ["filled once: empty rows tie", (kind, fewest) => fewest > 0 || kind === 0],
      ["minus infinity (right)", (kind) => kind === 0],
    ].map(([name, least]) =>
      heatmap(
        `weights: ${name}`, read(least), [length, length], ["query", "key", "weight"],
        {
          limits: [0, Math.min(1, 4 / length)], palette: "sequential", square: true,
          marks: [[0, null]],
        },
      ),
    );
  },
};
