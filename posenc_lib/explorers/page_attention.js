// The attention panel, computed in the page. attention.py does the same in the kernel.

IN_PAGE.attention = (settings, data) => {
  const { sentence, length, query, mask, encoding } = settings;
  const { forms, window } = data;
  checkFuture(forms[encoding], mask);
  const [tokens, said] = tokensOf(sentence, length);
  const attend = untrainedLayer(tokens, settings, data);
  const names = encoding === "none" ? ["none"] : [encoding, "none"];
  const found = names.map(attend);
  const [{ scores, weights }] = found;
  const legend = names.map((name) => forms[name].title);
  const styles = stylesOf(names, data);
  const ticks = shortened(tokens);
  const word = maskedWord(mask, length, window);
  const map = (name, values, label, options = {}) =>
    heatmap(name, values, [length, length], ["query", `key (${said})`, `${label}${word}`], {
      ticks: [ticks, ticks], square: true, marks: [[query, null]], picks: ["query", null], ...options,
    });
  const used = found.map((each) =>
    range(0, length).map((i) => {
      let sum = 0;
      for (const weight of rowOf(each.weights, length, i)) if (weight > 0) sum -= weight * Math.log(weight);
      return Math.exp(sum);
    }),
  );
  const rows = found.map((each) => rowOf(each.weights, length, query));
  const most = Math.max(...rows.map((row) => extremesOf(row)[0][1]));
  const own = [[query, `query ${query}`]];
  const places = range(0, length);
  return [
    map("scores", scores, "score"),
    map("weights", weights, "weight", { limits: [0, extremesOf(weights)[0][1]], palette: "sequential" }),
    curves(
      "mean weight by distance", range(1 - length, 2 * length - 1),
      found.map((each) => meanByDistance(each.weights, length)), legend,
      ["key minus query (positions)", "mean weight"], { styles },
    ),
    curves(
      "keys used by each query", places, used, legend, ["position of the query", "exp(entropy) (keys)"],
      { limits: [0, length + 0.5], styles, marks: own, picks: ["query", null] },
    ),
    curves(
      `weights of query ${query}: ${ticks[query]}`, places, rows, legend,
      ["position of the key", "weight"], { limits: [0, 1.05 * most], styles, marks: own },
    ),
  ];
};
