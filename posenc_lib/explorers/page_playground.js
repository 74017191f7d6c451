// The playground, computed in the page. playground.py does the same in the kernel.

IN_PAGE.playground = (settings, data) => {
  const { first, second, distance, mask, one_scale: together, length, sentence, repeated } = settings;
  const { forms, window } = data;
  const names = [first, second];
  for (const name of names) checkFuture(forms[name], mask);
  let [tokens, said] = tokensOf(sentence, length);
  if (repeated) {
    tokens = tokens.map(() => tokens[0]);
    said = "the first word again and again";
  }
  const attend = untrainedLayer(tokens, settings, data);
  const found = names.map(attend);
  const titles = names.map((name) => forms[name].title);
  const same = first === second;
  const styles = stylesOf([...new Set(names)], data);
  const causal = mask === "causal";
  const away = range(1 - length, causal ? length : 2 * length - 1);
  const marks = [[-distance, `${distance} back`], [distance, `${distance} ahead`]]
    .slice(0, causal ? 1 : 2)
    .filter(([at]) => Math.abs(at) < length);
  const meansOf = (what) =>
    found.map((each) => meanByDistance(each[what], length).subarray(0, away.length));
  const shared = (parts) => {
    const all = parts.map((part) => extremesOf(part)[0]);
    const [low, high] = [Math.min(...all.map(([least]) => least)), Math.max(...all.map(([, most]) => most))];
    const even = high - low <= 1e-5 * Math.max(Math.abs(low), Math.abs(high));
    return together && !even ? [low, high] : undefined;
  };
  const means = meansOf("scores");
  let limits = shared(means);
  if (limits) {
    const air = 0.05 * (limits[1] - limits[0]);
    limits = [limits[0] - air, limits[1] + air];
  }
  const ticks = new Set(tokens).size > 1 ? shortened(tokens) : null;
  const maps = shared(found.map(({ scores }) => scores));
  const word = maskedWord(mask, length, window);
  return [
    ...means.map((mean, which) =>
      curves(
        `mean score by distance: ${titles[which]}`, away, [mean], [titles[which]],
        ["key minus query (positions)", "mean score"],
        { limits, styles: [styles[same ? 0 : which]], marks },
      ),
    ),
    curves(
      "mean weight by distance", away, meansOf("weights").slice(0, same ? 1 : 2),
      same ? titles.slice(0, 1) : titles, ["key minus query (positions)", "mean weight"], { styles, marks },
    ),
    ...found.map(({ scores }, which) =>
      heatmap(
        `scores: ${titles[which]}${together ? ", one scale" : ""}`, scores, [length, length], ["query", `key (${said})`, `score${word}`],
        { limits: maps, palette: "sequential", ticks: [ticks, ticks], square: true },
      ),
    ),
  ];
};
