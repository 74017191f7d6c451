// The panel of sentences, computed in the page. word_order.py does the same in the kernel.

// Of each panel: the numbers of known words, and what its models said of rows so far.
class Reading {
  static opened = new WeakMap();

  static of(data) {
    if (!Reading.opened.has(data)) Reading.opened.set(data, new Reading(data));
    return Reading.opened.get(data);
  }

  constructor(data) {
    this.data = data;
    this.number = new Map(data.vocabulary.split(" ").map((word, i) => [word, i]));
    this.shuffles = numbers(data.shuffles, Uint8Array);
    this.said = new Map();
  }

  numberOf(word) {
    return this.number.get(word.toLowerCase()) ?? this.number.size;
  }

  shuffle(length, seed) {
    const shorter = (length * (length - 1)) / 2 - 1; // 2 + 3 + .. + (length - 1)
    const from = shorter * this.data.seeds + seed * length;
    return Array.from(this.shuffles.subarray(from, from + length));
  }

  // The probability of "the words stand as they were", of each row, all of one length, and model.
  natural(rows) {
    if (this.said.size > 2_000) this.said.clear();
    const fresh = new Map(rows.map((row) => [row.join(), row]).filter(([key]) => !this.said.has(key)));
    const count = fresh.size;
    const found = Object.values(this.data.models).map((model) => {
      const logits = count ? Transformer.of(model).logits([...fresh.values()].flat(), count) : [];
      const each = logits.length / count;
      return range(0, count).map((i) => softmaxOf(logits.subarray(i * each, (i + 1) * each))[0]);
    });
    [...fresh.keys()].forEach((key, i) => this.said.set(key, found.map((likely) => likely[i])));
    return rows.map((row) => this.said.get(row.join()));
  }
}

function swappedPlaces(length, first, second) {
  const order = range(0, length);
  [order[first], order[second]] = [second, first];
  return order;
}

function whyNoSwap(words, row, unknown, first, second) {
  if (first === second) return ": one word";
  if (row[first] !== row[second]) return "";
  if (row[first] === unknown) return ": both unknown, read alike";
  return `: both '${words[first].toLowerCase()}'`;
}

function leftOutWords(beyond, { named }) {
  if (!beyond.length) return "";
  const more = beyond.length > named ? ` and ${beyond.length - named} more` : "";
  return `; left out: ${shortened(beyond.slice(0, named)).join(", ")}${more}`;
}

IN_PAGE.word_order = ({ sentence, first, second, seed, encoding, shown, head }, data) => {
  const reading = Reading.of(data);
  const { models, titles, orders } = data;
  const written = wordsOf(sentence);
  const words = written.slice(0, data.words);
  const count = words.length;
  if (count < 2) throw new Refused("one word has no order: type at least two");
  const row = words.map((word) => reading.numberOf(word));
  const stands = range(0, count);
  const asked = [
    stands, [...stands].reverse(), swappedPlaces(count, first, second), reading.shuffle(count, seed),
  ];
  const names = Object.keys(models);
  const legend = names.map((name) => titles[name]);
  const neighbours = range(0, count - 1).map((k) => swappedPlaces(count, k, k + 1));
  const all = [...asked, ...neighbours].map((order) => order.map((n) => row[n]));
  const said = reading.natural(all);
  const [found, swaps] = [said.slice(0, asked.length), said.slice(asked.length)];
  const change = (by) => (Math.abs(by) < data.noise ? 0 : by);
  const place = orders.indexOf(shown);
  const model = Transformer.of(models[encoding]);
  const weights = model.firstWeights(asked[place].map((n) => row[n]));
  const unknown = reading.number.size;
  const labels = shortened(words.map((word, i) => (row[i] === unknown ? `(${word})` : word)));
  const here = asked[place].map((n) => labels[n]);
  const why = whyNoSwap(words, row, unknown, first, second);
  const beside = Math.abs(first - second) === 1 ? [[Math.min(first, second), "swapped"]] : [];
  return [
    heatmap(
      `natural? places ${first} and ${second} swapped${why}`,
      Float64Array.from(found.flat()), [orders.length, names.length],
      ["order of the words", "encoding", "probability"],
      {
        limits: [0, 1], ticks: [orders, legend], marks: [[place, names.indexOf(encoding)]],
        picks: ["shown", "encoding"],
      },
    ),
    heatmap(
      `in each order${leftOutWords(written.slice(data.words), data)}`,
      Float64Array.from(stands.flatMap((n) => asked.map((order) => order[n]))), [count, orders.length],
      ["place", "order", "place in your sentence"],
      {
        limits: [0, data.words - 1], palette: "sequential", ticks: [null, data.short],
        texts: stands.map((n) => asked.map((order) => labels[order[n]])),
        marks: [[null, place], [first, data.swap], [second, data.swap]], picks: [null, "shown"],
      },
    ),
    curves(
      "after swapping two neighbours", range(0, count - 1),
      names.map((_, m) => swaps.map((one) => change(one[m] - found[0][m]))), legend,
      ["place of the first of the two (positions)", "change of probability"],
      { limits: [-1, 1], marks: beside, picks: [null, "encoding"] },
    ),
    heatmap(
      `weights of ${titles[encoding]}, ${shown}, head ${head}`,
      weights.subarray(head * count * count, (head + 1) * count * count), [count, count],
      ["query", "key", "weight"],
      { limits: [0, 1], palette: "sequential", ticks: [here, here], square: true },
    ),
  ];
};
