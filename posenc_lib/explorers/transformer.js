// A TinyTransformer (experiments/parts/transformer.py), run in the page on numbers that transformer.py
// sends: trained weights in float32, what its encoding adds or turns in float64. All sums in float64.
// Several texts of one length may go through it at once, one behind the other: `texts` says how many.

const SERIES = Float64Array.from({ length: 400 }, (_, n) => 2 / (2 * n + 3));

// The error function, to about 1e-16. Source: Abramowitz and Stegun 1964, "Handbook of Mathematical
// Functions", 7.1.6: erf z = 2 / sqrt(pi) exp(-z^2) sum of 2^n z^(2n+1) / (1 * 3 * .. * (2n + 1)),
// whose terms are all of one sign, so that nothing is lost. Past 6 it is 1 in float64.
function errorFunction(z) {
  const size = Math.abs(z);
  if (!(size < 6)) return Math.sign(z) || z;
  const square = size * size;
  let [term, sum] = [size, size];
  for (let n = 0; term > 1e-17 * sum; n++) {
    term *= square * SERIES[n];
    sum += term;
  }
  return Math.sign(z) * Math.min((2 / Math.sqrt(Math.PI)) * Math.exp(-square) * sum, 1);
}

const softmaxOf = (logits) => {
  const most = Math.max(...logits);
  const raised = Array.from(logits, (logit) => Math.exp(logit - most));
  const total = raised.reduce((sum, value) => sum + value, 0);
  return raised.map((value) => value / total);
};

class Transformer {
  static opened = new WeakMap(); // bytes become arrays once

  static of(sent) {
    if (!Transformer.opened.has(sent)) Transformer.opened.set(sent, new Transformer(sent));
    return Transformer.opened.get(sent);
  }

  constructor(sent) {
    const float32 = (bytes) => bytes && numbers(bytes, Float32Array);
    const float64 = (bytes) => bytes && numbers(bytes, Float64Array);
    const wide = (bytes) => bytes && Float64Array.from(float32(bytes)); // sums run faster on these
    const part = (pair) => pair && { w: wide(pair.w), b: wide(pair.b) };
    const { dim, heads, length, causal, whole, scale } = sent;
    Object.assign(this, { dim, heads, length, causal, whole, scale, size: dim / heads });
    this.readOut = sent.read_out;
    this.embed = whole ? { w: float32(sent.embed.w) } : part(sent.embed);
    this.start = wide(sent.start); // door 1: (length, dim)
    this.norm = part(sent.norm);
    this.out = part(sent.out);
    this.layers = sent.layers.map(({ norms, turns, bias, ...parts }) => ({
      ...Object.fromEntries(Object.entries(parts).map(([name, pair]) => [name, part(pair)])),
      norms: norms.map(part),
      turns: turns && { cos: float64(turns.cos), sin: float64(turns.sin), half: turns.half }, // door 2
      bias: float64(bias), // door 3: (heads, 2 length - 1), by distance
    }));
  }

  // --- its parts ------------------------------------------------------------------------------

  // x (rows, from) times w (to, from), plus b: four rows by two columns at once, so that a number that
  // is fetched is used several times. Past the end the last column is made twice.
  linear(x, { w, b }, from, to) {
    const rows = x.length / from;
    const out = new Float64Array(rows * to);
    for (let o = 0; o < to; o += 2) {
      const p = Math.min(o + 1, to - 1);
      const [of, next] = [o * from, p * from];
      const [bias, other] = b ? [b[o], b[p]] : [0, 0];
      let row = 0;
      for (; row + 3 < rows; row += 4) {
        const first = row * from;
        const second = first + from;
        const third = second + from;
        const fourth = third + from;
        let [sum, sum2, sum3, sum4] = [bias, bias, bias, bias];
        let [more, more2, more3, more4] = [other, other, other, other];
        for (let i = 0; i < from; i++) {
          const weight = w[of + i];
          const weight2 = w[next + i];
          const one = x[first + i];
          const two = x[second + i];
          const three = x[third + i];
          const four = x[fourth + i];
          sum += one * weight;
          sum2 += two * weight;
          sum3 += three * weight;
          sum4 += four * weight;
          more += one * weight2;
          more2 += two * weight2;
          more3 += three * weight2;
          more4 += four * weight2;
        }
        const at = row * to;
        out[at + o] = sum;
        out[at + p] = more;
        out[at + to + o] = sum2;
        out[at + to + p] = more2;
        out[at + 2 * to + o] = sum3;
        out[at + 2 * to + p] = more3;
        out[at + 3 * to + o] = sum4;
        out[at + 3 * to + p] = more4;
      }
      for (; row < rows; row++) {
        let sum = bias;
        let more = other;
        for (let i = 0; i < from; i++) {
          sum += x[row * from + i] * w[of + i];
          more += x[row * from + i] * w[next + i];
        }
        out[row * to + o] = sum;
        out[row * to + p] = more;
      }
    }
    return out;
  }

  normed(x, { w, b }) {
    const { dim } = this;
    const out = new Float64Array(x.length);
    for (let at = 0; at < x.length; at += dim) {
      let [mean, square] = [0, 0];
      for (let i = 0; i < dim; i++) mean += x[at + i] / dim;
      for (let i = 0; i < dim; i++) square += (x[at + i] - mean) ** 2 / dim;
      const scale = 1 / Math.sqrt(square + 1e-5);
      for (let i = 0; i < dim; i++) out[at + i] = (x[at + i] - mean) * scale * w[i] + b[i];
    }
    return out;
  }

  // Tokens, whole or as vectors, at the first places; door 1.
  embedded(tokens, start, texts = 1) {
    const { dim } = this;
    let x;
    if (this.whole) {
      x = new Float64Array(tokens.length * dim);
      tokens.forEach((token, i) => x.set(this.embed.w.subarray(token * dim, (token + 1) * dim), i * dim));
    } else x = this.linear(tokens, this.embed, this.embed.w.length / dim, dim);
    const each = x.length / texts;
    if (start) for (let i = 0; i < x.length; i++) x[i] += start[i % each];
    return x;
  }

  // Door 2, in place: each pair of each head turned by the angle of its place.
  turned(x, { cos, sin, half }, texts) {
    const { dim, size } = this;
    const pairs = cos.length / this.length;
    const n = x.length / dim / texts;
    for (let row = 0; row * dim < x.length; row++) {
      const turn = (row % n) * pairs;
      for (let head = row * dim; head < (row + 1) * dim; head += size) {
        for (let pair = 0; pair < pairs; pair++) {
          const first = head + (half ? pair : 2 * pair);
          const second = half ? first + pairs : first + 1;
          const [c, s] = [cos[turn + pair], sin[turn + pair]];
          const [a, b] = [x[first], x[second]];
          x[first] = a * c - b * s;
          x[second] = a * s + b * c;
        }
      }
    }
  }

  // What each query gives each key, (texts, heads, query, key): NaN where it does not see it. It
  // sees `before` keys before its own.
  weights(x, layer, before = Infinity, texts = 1) {
    const { dim, heads, size, scale, length } = this;
    const n = x.length / dim / texts;
    const [query, key] = [layer.query, layer.key].map((part) => this.linear(x, part, dim, dim));
    if (layer.turns) for (const each of [query, key]) this.turned(each, layer.turns, texts);
    const found = new Float64Array(texts * heads * n * n).fill(NaN);
    for (let map = 0; map < texts * heads; map++) {
      const head = map % heads;
      const middle = head * (2 * length - 1) + length - 1;
      const start = ((map - head) / heads) * n * dim + head * size;
      for (let i = 0; i < n; i++) {
        const row = (map * n + i) * n;
        const first = Math.max(0, i - before);
        const end = this.causal ? i + 1 : n;
        const from = start + i * dim;
        let most = -Infinity;
        for (let j = first; j < end; j++) {
          const to = start + j * dim;
          let score = 0;
          for (let c = 0; c < size; c++) score += query[from + c] * key[to + c];
          score *= scale;
          if (layer.bias) score += layer.bias[middle + j - i];
          found[row + j] = score;
          if (score > most) most = score;
        }
        let total = 0;
        for (let j = first; j < end; j++) total += found[row + j] = Math.exp(found[row + j] - most);
        for (let j = first; j < end; j++) found[row + j] /= total;
      }
    }
    return found;
  }

  attended(x, layer, texts) {
    const { dim, heads, size } = this;
    const n = x.length / dim / texts;
    const weights = this.weights(x, layer, Infinity, texts);
    const value = this.linear(x, layer.value, dim, dim);
    const mixed = new Float64Array(x.length);
    for (let map = 0; map < texts * heads; map++) {
      const head = map % heads;
      const start = ((map - head) / heads) * n * dim + head * size;
      for (let i = 0; i < n; i++) {
        const end = this.causal ? i + 1 : n;
        for (let j = 0; j < end; j++) {
          const weight = weights[(map * n + i) * n + j];
          for (let c = start; c < start + size; c++) mixed[i * dim + c] += weight * value[j * dim + c];
        }
      }
    }
    return this.linear(mixed, layer.output, dim, dim);
  }

  // --- what is asked of it ---------------------------------------------------------------------

  // The weights of the first layer.
  firstWeights(tokens, { before, start = this.start } = {}) {
    const [layer] = this.layers;
    return this.weights(this.normed(this.embedded(tokens, start), layer.norms[0]), layer, before);
  }

  // x after the attention of a layer, and after its feed-forward part: both added, in place.
  addAttention(x, layer, texts = 1) {
    this.attended(this.normed(x, layer.norms[0]), layer, texts).forEach((more, i) => (x[i] += more));
  }

  addNetwork(x, layer) {
    const { dim } = this;
    const inside = layer.wide.b.length;
    const wide = this.linear(this.normed(x, layer.norms[1]), layer.wide, dim, inside);
    for (let i = 0; i < wide.length; i++) wide[i] *= 0.5 * (1 + errorFunction(wide[i] / Math.SQRT2));
    this.linear(wide, layer.narrow, inside, dim).forEach((more, i) => (x[i] += more));
  }

  // Tokens behind the last layer, (texts, length, dim), before the last norm.
  hidden(tokens, texts = 1) {
    const x = this.embedded(tokens, this.start, texts);
    for (const layer of this.layers) {
      this.addAttention(x, layer, texts);
      this.addNetwork(x, layer);
    }
    return x;
  }

  // The logits: of every token, or of each text's mean over tokens or its last one.
  logits(tokens, texts = 1) {
    const { dim } = this;
    const x = this.hidden(tokens, texts);
    const each = x.length / texts;
    let read = x;
    if (this.readOut === "last" || this.readOut === "mean") {
      read = new Float64Array(texts * dim);
      const [first, share] = this.readOut === "last" ? [each - dim, 1] : [0, dim / each];
      x.forEach((value, i) => {
        if (i % each >= first) read[Math.floor(i / each) * dim + (i % dim)] += value * share;
      });
    }
    return this.linear(this.normed(read, this.norm), this.out, dim, this.out.b.length);
  }
}
