// The rotary panel, computed in the page. rotary.py does the same in the kernel. `data` has the
// first Gaussian draw as a sum of cosines and sines, the quadratic form of the mean square of all
// draws, and the names of the scalings.

const PLAIN = "plain RoPE";
const TRAINED_END = "trained length";
const BESIDE = 3; // the style of plain RoPE in all pictures, where another scaling is shown beside it

IN_PAGE.rotary = (settings, data) => {
  const plain = rope({ ...settings, scaling: "none" });
  const first = settings.scaling === "none" ? plain : rope(settings);
  const names = first === plain ? [PLAIN] : [data.scalings[settings.scaling], PLAIN];
  const here = settings.start + settings.position;
  const asked = { ...settings, here, first, plain };
  const { head_dim, length, start, base, scaling, factor, trained, pair_layout } = settings;
  const of = [head_dim, length, base, scaling, factor, trained]; // neither pair nor places
  const turned = kept(data, "turned", [...of, start, pair_layout], () => turnedValues(asked));
  const scores = kept(data, "scores", of, () => scoresByDistance(asked, data));
  return [
    turnedVectors(asked, turned), turningClocks(asked), rotaryScores(asked, scores),
    rotaryWavelengths(asked, names), turningPair(asked),
  ];
};

// Frequencies and magnitude, as in rope.py, position_interpolation.py, ntk.py, yarn.py, llama3.py.
function rope({ head_dim: width, base, scaling, factor, trained }) {
  const pairs = width / 2;
  const w = range(0, pairs).map((pair) => base ** ((-2 * pair) / width));
  // Pairs that turn fewer than `low` times within the trained length are slowed, those that turn
  // more than `high` times stay.
  const ramp = (low, high) =>
    w.map((frequency) => {
      const share = clamp(((trained * frequency) / TURN - low) / (high - low), 0, 1);
      return ((1 - share) * frequency) / factor + share * frequency;
    });
  const made = {
    none: () => w,
    pi: () => w.map((frequency) => frequency / factor),
    ntk: () => w.map((frequency, pair) => frequency / factor ** (pair / (pairs - 1))),
    yarn: () => ramp(1, 32),
    llama3: () => ramp(1, 4),
  }[scaling]();
  return { w: made, magnitude: scaling === "yarn" ? 0.1 * Math.log(factor) + 1 : 1 };
}

// The two features of a pair.
const featuresOf = ({ head_dim: width, pair_layout: layout }, pair) =>
  layout === "half" ? [pair, pair + width / 2] : [2 * pair, 2 * pair + 1];

function turnedValues(asked) {
  const { head_dim: width, length, start } = asked;
  const { w, magnitude } = asked.first;
  const turned = new Float64Array(length * width);
  w.forEach((frequency, i) => {
    const [along, across] = featuresOf(asked, i);
    for (let k = 0; k < length; k++) {
      const angle = (start + k) * frequency;
      turned[k * width + along] = magnitude * Math.cos(angle);
      turned[k * width + across] = magnitude * Math.sin(angle);
    }
  });
  return turned;
}

function turnedVectors(asked, turned) {
  const { head_dim: width, length, start, here, pair } = asked;
  const { magnitude } = asked.first;
  const made = magnitude === 1 ? "turned into (cos, sin)" : `turned and made ${number(magnitude)} times as long`;
  const of = new Array(width);
  asked.first.w.forEach((_, i) => featuresOf(asked, i).forEach((feature) => (of[feature] = i)));
  return heatmap(
    `each pair (1, 0), ${made}`, turned, [length, width],
    ["position", "feature", "value"],
    {
      limits: [-magnitude, magnitude],
      starts: [start, 0],
      marks: [[here, null], ...featuresOf(asked, pair).map((at) => [null, at])],
      picks: [["position", range(0, length)], ["pair", of]],
    },
  );
}

// The fastest pair, the chosen one and the middle one: query and key on one dial.
function turningClocks({ head_dim: width, first, here, distance, pair }) {
  const pairs = [...new Set([0, pair, Math.floor(width / 4)])].sort((a, b) => a - b);
  const rates = pairs.map((i) => first.w[i]);
  const key = here + distance;
  return clocks(
    `query at ${number(here)}, key at ${number(key)} (wavelength)`,
    rates.map((rate) => [here * rate, key * rate]),
    pairs.map((i) => `pair ${i} (${general(TURN / first.w[i], 4, true)})`), rates, "position",
    { hands: ["query", "key"], marks: [pairs.indexOf(pair)], picks: ["position"] },
  );
}

function turningPair(asked) {
  const { length, start, here, pair, trained, first, plain } = asked;
  const { magnitude } = first;
  const wave = smoothly(TURN / plain.w[pair], length, start); // the faster one
  const ys = [Math.cos, Math.sin].map((of) => wave.x.map((x) => magnitude * of(x * first.w[pair])));
  const legend = featuresOf(asked, pair).map((feature) => `feature ${feature}`);
  if (first !== plain) {
    ys.push(wave.x.map((x) => Math.cos(x * plain.w[pair])));
    legend.push(`cos, ${PLAIN}`);
  }
  const ends = start <= trained && trained < start + length ? [[trained, TRAINED_END]] : [];
  return curves(
    `pair ${pair}: one turn in ${number(TURN / first.w[pair])} positions`, wave.x, ys, legend,
    ["position", "value"],
    {
      limits: [-1.05 * magnitude, 1.05 * magnitude],
      marks: [[here, `position ${number(here)}`], ...ends],
      styles: [0, 1, BESIDE].slice(0, ys.length),
      ...wave.options,
    },
  );
}

function scoresByDistance({ head_dim: width, length, first, plain }, data) {
  const draw = numbers(data.draw, Float64Array);
  const squares = numbers(data.squares, Float64Array);
  const size = draw.length;
  const [constant, one, rms, plainly] = [[], [], [], []];
  const waves = new Float64Array(width);
  const scale = first.magnitude ** 2 / Math.sqrt(width);
  for (let k = 0; k < length; k++) {
    let [ones, plainOnes, gaussian, square] = [0, 0, 0, 0];
    for (let i = 0; i < width / 2; i++) {
      waves[2 * i] = Math.cos(k * first.w[i]);
      waves[2 * i + 1] = Math.sin(k * first.w[i]);
      ones += 2 * waves[2 * i];
      if (first !== plain) plainOnes += 2 * Math.cos(k * plain.w[i]);
    }
    for (let i = 0; i < width; i++) {
      gaussian += draw[i] * waves[i];
      let row = 0; // the form is symmetric: what lies below its diagonal counts twice
      for (let j = 0, at = i * size; j < i; j++) row += squares[at + j] * waves[j];
      square += waves[i] * (2 * row + squares[i * size + i] * waves[i]);
    }
    constant.push(ones * scale);
    one.push(gaussian * scale);
    rms.push(Math.sqrt(square) * scale);
    plainly.push(plainOnes / Math.sqrt(width));
  }
  return first === plain ? [constant, one, rms] : [constant, one, rms, plainly];
}

function rotaryScores({ length, distance, trained }, ys) {
  const legend = ["q = k, all ones", "one random q, k", "many random, RMS", `all ones, ${PLAIN}`];
  const ends = trained < length ? [[trained, TRAINED_END]] : [];
  return curves(
    "score by distance", range(0, length), ys, legend.slice(0, ys.length),
    ["key minus query (positions)", "q · k / √head_dim"],
    { marks: [[distance, `distance ${distance}`], ...ends], picks: ["distance", null] },
  );
}

function rotaryWavelengths({ trained, pair, first, plain }, names) {
  const shown = first === plain ? [plain] : [first, plain];
  const ys = shown.map(({ w }) => w.map((frequency) => TURN / frequency));
  ys.push(plain.w.map(() => trained));
  return curves(
    "wavelength of each pair", range(0, plain.w.length), ys,
    [...names, `trained length (${number(trained)})`], ["pair", "positions for one turn"],
    {
      logs: [false, true],
      styles: first === plain ? [0, 2] : [0, BESIDE, 2],
      marks: [[pair, `pair ${pair}`]],
      picks: ["pair", null],
    },
  );
}
