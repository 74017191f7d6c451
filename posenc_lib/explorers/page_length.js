// The panel of lengths, computed in the page. lengths.py does the same in the kernel.

// Of each panel: its models, opened, and the weights of the latest rows that were read.
class LongRows {
  static opened = new WeakMap();

  static of(data) {
    if (!LongRows.opened.has(data)) LongRows.opened.set(data, new LongRows(data));
    return LongRows.opened.get(data);
  }

  constructor(data) {
    this.data = data;
    this.row = Array.from(numbers(data.row, Uint8Array));
    this.models = new Map();
    this.latest = new Map();
  }

  // A scaling is the model of RoPE with other angles.
  model(encoding) {
    if (!this.models.has(encoding)) {
      const { models, scaled } = this.data;
      const { layers, ...rest } = models[encoding] ?? models.rope;
      const [layer] = layers;
      this.models.set(encoding, new Transformer({ ...rest, layers: [{ ...layer, ...scaled[encoding] }] }));
    }
    return this.models.get(encoding);
  }

  // The weights of the longest row, (heads, query, key); a shorter row is its beginning.
  weights(encoding, reading) {
    const key = `${encoding} ${reading}`;
    if (!this.latest.has(key)) {
      if (this.latest.size > 3) this.latest.delete(this.latest.keys().next().value);
      const { trained } = this.data;
      const model = this.model(encoding);
      const before = reading === "window" ? trained - 1 : undefined;
      const found = reading === "sliding" ? this.slid(model, encoding) : model.firstWeights(this.row, { before });
      this.latest.set(key, found);
    }
    return this.latest.get(key);
  }

  // Rows of the trained length that overlap by half; each scores its second half, the first all.
  slid(model, encoding) {
    const { trained, short } = this.data;
    const { heads } = model;
    const n = this.row.length;
    const table = short[encoding];
    const start = table ? numbers(table, Float32Array) : null;
    const found = new Float64Array(heads * n * n).fill(NaN);
    for (let from = 0; from + trained <= n; from += trained / 2) {
      const inside = model.firstWeights(this.row.slice(from, from + trained), { start });
      for (let head = 0; head < heads; head++) {
        for (let i = from ? trained / 2 : 0; i < trained; i++) {
          const at = (head * trained + i) * trained;
          found.set(inside.subarray(at, at + trained), (head * n + from + i) * n + from);
        }
      }
    }
    return found;
  }
}

// The mean weight of the key so many steps back over the first queries; NaN where none sees it.
function stepsBack(weights, n, length, head) {
  const found = new Float64Array(length);
  for (let steps = 0; steps < length; steps++) {
    let [sum, count] = [0, 0];
    for (let i = steps; i < length; i++) {
      const weight = weights[(head * n + i) * n + i - steps];
      if (weight !== weight) continue;
      sum += weight;
      count += 1;
    }
    found[steps] = sum / count;
  }
  return found;
}

const meanOf = (rows) =>
  Array.from(rows[0], (_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length);

IN_PAGE.length = ({ encoding, reading, length, head }, data) => {
  const { trained, mark, guessing } = data;
  const rows = LongRows.of(data);
  const n = rows.row.length;
  const weights = rows.weights(encoding, reading);
  const { heads } = rows.model(encoding);
  const every = range(0, heads).map((each) => stepsBack(weights, n, length, each));
  const steps = [every[head], meanOf(every)];
  const top = steps.flatMap((y) => Array.from(y)).reduce((most, y) => (y > most ? y : most), 0);
  const place = range(0, length);
  const legend = [`head ${head}`, "mean of all heads"];
  const marks = [mark];
  const seen = new Float64Array(length * length);
  for (let i = 0; i < length; i++) {
    const from = (head * n + i) * n;
    seen.set(weights.subarray(from, from + length), i * length);
  }
  const read = data.numbers[encoding][reading];
  const needed = numbers(read.needed, Float32Array);
  const byHead = range(0, heads).map((each) => needed.subarray(each * n, each * n + length));
  const [loss, past] = [read.loss, read.past].map((bytes) => numbers(bytes, Float32Array).subarray(0, length));
  const losses = [
    place.map(() => Math.fround(guessing)), past, loss,
  ];
  const high = losses.flatMap((y) => Array.from(y)).reduce((most, y) => (y > most ? y : most), 3);
  return [
    curves(
      "weight by steps back", place, steps, legend,
      ["key, steps back from the query (tokens)", "mean weight"], { limits: [-0.02 * top, 1.05 * top], marks },
    ),
    curves(
      "loss at each place of the row", place, losses,
      ["guessing", "mean up to here", "at this place"],
      ["place in the row (tokens)", "loss (nats)"], { limits: [-0.05 * high, 1.05 * high], marks },
    ),
    heatmap(
      `weights of head ${head}; marked: trained length`, seen, [length, length],
      ["query", "key", "weight"],
      { limits: [0, 1], palette: "sequential", square: true, marks: [[trained, null]] },
    ),
    curves(
      "weight on the two tokens to add", place, [byHead[head], meanOf(byHead)], legend,
      ["place of the query (tokens)", "weight"], { limits: [0, 1.05], marks },
    ),
  ];
};
