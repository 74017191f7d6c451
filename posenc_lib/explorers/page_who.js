// The panel "who does it?", computed in the page. who.py does the same in the kernel.

// The word at this place and the next one swapped; the last one with the one before it.
function swappedWithNext(words, place) {
  const at = Math.max(Math.min(place, words.length - 2), 0);
  return [...words.slice(0, at), ...words.slice(at, at + 2).reverse(), ...words.slice(at + 2)];
}

IN_PAGE.who = ({ sentence, position, encoding, head }, data) => {
  const words = wordsOf(sentence.toLowerCase());
  const count = words.length;
  if (count < 2 || count > data.most) {
    throw new Refused(`type two to ${data.most} words: there are ${count}`);
  }
  const unknown = words.find((word) => !data.words.includes(word));
  if (unknown !== undefined) {
    throw new Refused(`the reader does not know '${unknown}'. It knows ${data.words.join(" ")}`);
  }
  const model = Transformer.of(data.models[position ? encoding : "none"]);
  const numbered = (order) => order.map((word) => data.words.indexOf(word));
  const swaps = range(0, count).map((k) => swappedWithNext(words, k));
  const orders = [words, ...swaps.slice(0, -1), [...words].reverse()];
  const likely = orders.map((order) => softmaxOf(model.logits(numbered(order))));
  const share = (p) => `${(100 * p).toFixed(0)}%`;
  const named = position ? `with ${data.titles[encoding]} position` : "without position";
  const weights = model.firstWeights(numbered(words));
  const scale = { limits: [0, 1], palette: "sequential" };
  return [
    heatmap(
      `who does it? The reader ${named}`, Float64Array.from([...likely[0], ...likely[0]]), [2, count],
      ["row", "place", "probability"],
      {
        ...scale, ticks: [[word("word"), word("does it")], null], texts: [words, likely[0].map(share)],
        picks: [null, ["sentence", swaps.map((order) => order.join(" "))]],
      },
    ),
    heatmap(
      "and in other orders", Float64Array.from(likely.flat()), [orders.length, count],
      ["order", "place", "probability"],
      {
        ...scale,
        ticks: [
          [
            word("as typed"), ...range(0, count - 1).map((k) => word(`${k} and ${k + 1} swapped`)),
            word("backwards"),
          ],
          null,
        ],
        texts: orders.map((order, n) => order.map((word, k) => `${word} ${share(likely[n][k])}`)),
        marks: [[0, null]], picks: [["sentence", orders.map((order) => order.join(" "))], null],
      },
    ),
    heatmap(
      `where it looked: weights of head ${head}`,
      weights.subarray(head * count * count, (head + 1) * count * count), [count, count],
      ["query", "key", "weight"], { ...scale, ticks: [words, words], square: true },
    ),
  ];
};
