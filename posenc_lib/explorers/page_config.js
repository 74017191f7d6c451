// The panel of configurations, computed in the page. config.py does the same in the kernel. `data`
// has for each model its kinds of layers and which layer is of which kind.

IN_PAGE.config = ({ model, layer, other, other_layer: otherLayer, distance }, data) => {
  const chosen = data.models[model];
  const shown = [[`${model}, layer ${layer}`, kindAt(chosen, layer)]];
  if (other !== "none") {
    const name = `${other}, layer ${otherLayer}`;
    shown.push([name === shown[0][0] ? `${name} again` : name, kindAt(data.models[other], otherLayer)]);
  }
  return [
    configWavelengths(chosen, shown), wavelengthsByLayer(model, chosen, layer),
    configScores(chosen, shown, distance, numbers(data.distances, Float64Array)),
    keysSeen(model, chosen, layer, data.powers),
  ];
};

const kindAt = (model, layer) => model.kinds[model.layers[layer]];
const waveOf = (w, pair) => (w[pair] > 0 ? TURN / w[pair] : NaN); // none for one that stands still
const speeds = (kind) => numbers(kind.w, Float64Array);

function configWavelengths(chosen, shown) {
  const most = Math.max(2, ...shown.map(([, kind]) => speeds(kind).length));
  const ys = shown.map(([, kind]) => {
    const w = speeds(kind);
    return range(0, most).map((pair) => waveOf(w, pair));
  });
  ys.push(new Array(most).fill(chosen.trained));
  const names = shown.map(([name, kind]) => (speeds(kind).length ? name : `${name}: no position`));
  return curves(
    "wavelength of each pair", range(0, most), ys,
    [...names, `trained length (${number(chosen.trained)})`],
    ["pair", "positions for one turn"],
    { logs: [false, true], styles: [...shown.keys(), 2] },
  );
}

function wavelengthsByLayer(name, chosen, layer) {
  const most = Math.max(...chosen.kinds.map((kind) => speeds(kind).length));
  const rows = chosen.kinds.map((kind) => {
    const w = speeds(kind);
    return range(0, most).map((pair) => Math.log10(waveOf(w, pair)));
  });
  return heatmap(
    `wavelength by layer and pair: ${name}`,
    Float64Array.from(chosen.layers.flatMap((kind) => rows[kind])), [chosen.layers.length, most],
    ["layer", "pair", "log10 of the wavelength (positions)"],
    { palette: "sequential", numbers: false, marks: [[layer, null]], picks: ["layer", null] },
  );
}

// share * magnitude^2 * (mean cosine of the pairs) + 1 - share; a gap where nothing is seen.
function scoreOf(kind, distances) {
  const w = speeds(kind);
  return Array.from(distances, (far) => {
    if (kind.reach !== null && far >= kind.reach) return NaN;
    if (!w.length) return 1;
    let total = 0;
    for (const speed of w) total += Math.cos(far * speed);
    return (kind.share * kind.squared * total) / w.length + 1 - kind.share;
  });
}

function configScores(chosen, shown, distance, distances) {
  const farthest = distances[distances.length - 1];
  const ends = chosen.trained < farthest ? [[chosen.trained, "trained length"]] : [];
  return curves(
    "score of equal vectors by distance", distances,
    shown.map(([, kind]) => scoreOf(kind, distances)), shown.map(([name]) => name),
    ["query minus key (positions)", "q · k / head_dim"],
    { logs: [true, false], marks: [[distance, "distance"], ...ends], picks: ["distance", null] },
  );
}

// Keys a layer sees; of a chunk what its last token sees.
function keysSeen(name, chosen, layer, powers) {
  const rows = chosen.kinds.map(({ reach }) => powers.map((far) => Number(reach === null || far < reach)));
  return heatmap(
    `how far back a layer sees: ${name}`,
    Float64Array.from(chosen.layers.flatMap((kind) => rows[kind])),
    [chosen.layers.length, powers.length], ["layer", "query minus key", "seen (1) or not (0)"],
    {
      limits: [0, 1], palette: "sequential", numbers: false, ticks: [null, powers.map(number)],
      marks: [[layer, null]], picks: ["layer", ["distance", powers]],
    },
  );
}
