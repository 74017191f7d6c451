// The museum's panel, computed in the page. museum.py does the same in the kernel.

IN_PAGE.museum = ({ length, mask, slope, query }, { window }) => {
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
      "mean weight by distance", range(1 - length, 2 * length - 1),
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
};
