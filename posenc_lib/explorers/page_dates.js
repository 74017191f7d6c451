// The panel of dates, computed in the page. dates.py does the same in the kernel.

// The upper halves of float32 numbers, as bytes of whole float32 numbers.
function widened(halves) {
  const short = numbers(halves, Uint16Array);
  const whole = Uint32Array.from(short, (bits) => bits << 16);
  return new Uint8Array(whole.buffer);
}

// An encoder-decoder (experiments/translation/encoder_decoder.py): two stacks, and between them the
// cross-attention of each layer.
class Translator {
  static opened = new WeakMap();

  static of(sent) {
    if (!Translator.opened.has(sent)) Translator.opened.set(sent, new Translator(sent));
    return Translator.opened.get(sent);
  }

  constructor(sent) {
    const part = (pair) => ({ w: widened(pair.w), b: pair.b && widened(pair.b) });
    const layer = ({ norms, turns, bias, ...parts }) => ({
      ...Object.fromEntries(Object.entries(parts).map(([name, pair]) => [name, part(pair)])),
      norms: norms.map(part), turns, bias,
    });
    const { dim, heads, scale, length } = sent;
    const shared = { dim, heads, scale, length, whole: true, read_out: "token" };
    const stack = ({ causal, start, layers }, norm) =>
      new Transformer({
        ...shared, causal, start, layers: layers.map(layer),
        embed: part(sent.embed), norm: part(norm), out: part(sent.out),
      });
    this.encoder = stack(sent.encoder, sent.memory_norm);
    this.decoder = stack(sent.decoder, sent.norm);
    // A cross-attention is a part of a layer without an encoding; an opened one holds its numbers.
    const opened = (pair) => {
      const wide = (bytes) => bytes && Float64Array.from(numbers(widened(bytes), Float32Array));
      return { w: wide(pair.w), b: wide(pair.b) };
    };
    this.cross = sent.cross.map((parts) =>
      Object.fromEntries(Object.entries(parts).map(([name, pair]) => [name, opened(pair)])),
    );
    this.said = new Map();
  }

  // What a layer's cross-attention reads from the memory, and its weights, (heads, written, read).
  crossed(x, memory, part) {
    const { dim, heads, size, scale } = this.decoder;
    const [n, m] = [x.length / dim, memory.length / dim];
    const linear = (rows, name) => this.decoder.linear(rows, part[name], dim, dim);
    const query = linear(this.decoder.normed(x, part.norm), "query");
    const [key, value] = [linear(memory, "key"), linear(memory, "value")];
    const mixed = new Float64Array(x.length);
    const weights = new Float64Array(heads * n * m);
    for (let head = 0; head < heads; head++) {
      for (let i = 0; i < n; i++) {
        const from = i * dim + head * size;
        const scores = range(0, m).map((j) => {
          let score = 0;
          for (let c = 0; c < size; c++) score += query[from + c] * key[j * dim + head * size + c];
          return score * scale;
        });
        const shares = softmaxOf(scores);
        weights.set(shares, (head * n + i) * m);
        shares.forEach((share, j) => {
          for (let c = 0; c < size; c++) mixed[from + c] += share * value[j * dim + head * size + c];
        });
      }
    }
    return { read: linear(mixed, "output"), weights };
  }

  // The logits behind the last token that is written, and the weights of the last layer's map.
  next(written, memory) {
    const { decoder, cross } = this;
    const { dim } = decoder;
    const x = decoder.embedded(written, decoder.start);
    let weights;
    decoder.layers.forEach((layer, n) => {
      decoder.addAttention(x, layer);
      const found = this.crossed(x, memory, cross[n]);
      found.read.forEach((more, i) => (x[i] += more));
      weights = found.weights;
      decoder.addNetwork(x, layer);
    });
    const last = decoder.normed(x.subarray(x.length - dim), decoder.norm);
    return { logits: decoder.linear(last, decoder.out, dim, decoder.out.b.length), weights };
  }

  // The most likely token at each step, up to the end or `most`: their numbers, how likely each
  // token of the vocabulary was, and the cross-attention weights.
  translation(source, start, end, most) {
    const key = `${source.join()};${start}`;
    if (!this.said.has(key)) {
      if (this.said.size > 200) this.said.clear();
      const memory = this.encoder.normed(this.encoder.hidden(source), this.encoder.norm);
      const given = [start];
      const likely = [];
      let weights;
      while (likely.length < most && (given.length === 1 || given[given.length - 1] !== end)) {
        const found = this.next(given, memory);
        weights = found.weights;
        const shares = softmaxOf(found.logits);
        likely.push(shares);
        given.push(shares.indexOf(Math.max(...shares)));
      }
      this.said.set(key, { written: given.slice(1), likely, weights });
    }
    return this.said.get(key);
  }
}

// The tokens of a text that the models know, digit by digit, and those that they do not.
function readDate(sentence, { English }) {
  const known = [];
  const unknown = [];
  const words = new Set([...English.weekdays, ...English.months, ",", ..."0123456789"]);
  for (const token of sentence.match(/[0-9]|[A-Za-z]+|[^A-Za-z0-9 ]+/g) ?? []) {
    const written = token[0].toUpperCase() + token.slice(1).toLowerCase();
    if (words.has(written)) known.push(written);
    else unknown.push(token);
  }
  return [known, unknown];
}

// The right translation, with the end; null where the English is no date.
function rightDate(source, language, { names, pieces, end }) {
  const { weekdays, months } = names.English;
  const form = `^(${weekdays.join("|")}) , (${months.join("|")}) ([0-9](?: [0-9])?) , ([0-9] [0-9] [0-9] [0-9])$`;
  const match = new RegExp(form).exec(source.join(" "));
  if (!match) return null;
  const there = names[language];
  const fields = {
    weekday: [there.weekdays[weekdays.indexOf(match[1])]],
    month: [there.months[months.indexOf(match[2])]],
    day: match[3].split(" "),
    year: match[4].split(" "),
  };
  return [...pieces[language].flatMap((piece) => fields[piece] ?? [piece]), end];
}

// Tokens as a reader would write them: digits side by side, signs behind what they follow.
function dateText(tokens) {
  const digit = (text) => /[0-9]/.test(text);
  return tokens.reduce((text, token) => {
    const leans = token === "," || token === "." || (digit(token) && digit(text.slice(-1)));
    return text + (text && !leans ? " " : "") + token;
  }, "");
}

// Tokens as they fit into a narrow column.
const cutTokens = (tokens, { end, letters }) =>
  tokens.map((token) => {
    if (token === end) return "end";
    return token.length <= letters ? token : `${token.slice(0, letters - 1)}.`;
  });

IN_PAGE.dates = ({ sentence, language, encoding, place, head }, data) => {
  const { vocabulary, titles, end, most } = data;
  const [source, unknown] = readDate(sentence, data.names);
  if (!source.length) {
    throw new Refused("the models know none of these: type a date such as May 1, 2026");
  }
  if (source.length > most) {
    throw new Refused(`up to ${most} tokens can be read: there are ${source.length}`);
  }
  const names = Object.keys(data.models);
  const row = source.map((token) => vocabulary.indexOf(token));
  const [start, last] = [`<${language}>`, end].map((token) => vocabulary.indexOf(token));
  const found = names.map((name) => Translator.of(data.models[name]).translation(row, start, last, most));
  const right = rightDate(source, language, data);
  const lines = found.map(({ written }) => written.map((token) => vocabulary[token]));
  const chosen = names.indexOf(encoding);
  const { written, likely, weights } = found[chosen];
  const at = Math.min(place, written.length - 1);
  const [n, m] = [written.length, source.length];
  const heads = weights.length / (n * m);
  const map = new Float64Array(n * m);
  for (let i = 0; i < map.length; i++) {
    if (head === data.mean) for (let h = 0; h < heads; h++) map[i] += weights[h * n * m + i] / heads;
    else map[i] = weights[Number(head) * n * m + i];
  }
  const shown = map.subarray(at * m, (at + 1) * m);
  const share = (p) => `${(100 * p).toFixed(0)}%`;
  const words = cutTokens(source, data);
  const best = range(0, vocabulary.length).sort((a, b) => likely[at][b] - likely[at][a]).slice(0, data.likely);
  const shares = best.map((token) => likely[at][token]);
  const beyond = unknown.length > data.named ? ` and ${unknown.length - data.named} more` : "";
  const leftOut = unknown.length
    ? `, without ${shortened(unknown.slice(0, data.named)).join(", ")}${beyond}`
    : "";
  const rows = [right ?? [], ...lines];
  const length = Math.max(...rows.map((line) => line.length));
  const agrees = rows.flatMap((line) =>
    range(0, length).map((k) => (right && k < line.length ? Number(line[k] === right[k]) : NaN)),
  );
  const scale = { limits: [0, 1], palette: "sequential" };
  const title = titles[encoding];
  return [
    heatmap(
      `${language}: ${right ? data.said.each : data.said.none}`, Float64Array.from(agrees),
      [rows.length, length], ["model", "place", "right (1) or wrong (0)"],
      {
        ...scale, ticks: [["right", ...names.map((name) => titles[name])], null],
        texts: rows.map((line) => cutTokens(range(0, length).map((k) => line[k] ?? ""), data)),
        marks: [[1 + chosen, at]], picks: [["encoding", [null, ...names]], "place"],
      },
    ),
    heatmap(
      `English${leftOut}; tap: swap with the next`, Float64Array.from([...shown, ...shown]), [2, m],
      ["row", "place", "weight"],
      {
        ...scale, ticks: [["token", "weight"], null], texts: [words, Array.from(shown, share)],
        picks: [null, ["sentence", source.map((_, k) => dateText(swappedWithNext(source, k)))]],
      },
    ),
    heatmap(
      `where ${title} looks, ${language}`, map, [n, m], ["token written", "English token", "weight"],
      {
        ...scale, ticks: [shortened(lines[chosen]), words], marks: [[at, null]], picks: ["place", null],
      },
    ),
    heatmap(
      `${title}, token ${at}: what is likely there`, Float64Array.from([...shares, ...shares]),
      [2, shares.length], ["row", "rank", "probability"],
      {
        ...scale, ticks: [["token", "likely"], null],
        texts: [
          shortened(best.map((token, i) => (shares[i] > data.least ? vocabulary[token] : ""))),
          shares.map((p) => (p > data.least ? share(p) : "")),
        ],
      },
    ),
  ];
};
