// The sinusoidal panel, computed in the page. sinusoidal.py does the same in the kernel.

// Angle addition, as in the library: sin and cos of k w for k below the length, which the third
// picture needs too, are turned by the angles of the first position. All in float64.
function sinusoidalTable({ dim, length, start }, w) {
  const pairs = dim / 2;
  const table = new Float64Array(length * dim);
  const alike = new Float64Array(length);
  w.forEach((frequency, pair) => {
    const [turnSine, turnCosine] = [Math.sin(start * frequency), Math.cos(start * frequency)];
    for (let k = 0, at = 2 * pair; k < length; k++, at += dim) {
      const sine = Math.sin(k * frequency);
      const cosine = Math.cos(k * frequency);
      table[at] = turnSine * cosine + turnCosine * sine;
      table[at + 1] = turnCosine * cosine - turnSine * sine;
      alike[k] += cosine / pairs;
    }
  });
  return [table, alike];
}

IN_PAGE.sinusoidal = ({ dim, length, base, start, position }, data) => {
  const pairs = dim / 2;
  const w = range(0, pairs).map((pair) => base ** ((-2 * pair) / dim));
  const of = [dim, length, base, start];
  const [table, alike] = kept(data, "table", of, () => sinusoidalTable({ dim, length, start }, w));
  const chosen = [...new Set([0, 1, 2, 4].map((share) => Math.floor((share * pairs) / 8)))];
  const names = chosen.map((pair) => `pair ${pair} (${general(TURN / w[pair], 4, true)})`);
  const rates = chosen.map((pair) => w[pair]);
  const here = start + position;
  const wave = smoothly(TURN / w[0], length, start);
  return [
    heatmap("table", table, [length, dim], ["position", "dimension", "value"], {
      limits: [-1, 1],
      starts: [start, 0],
      marks: [[here, null]],
      picks: [["position", range(0, length)], null],
    }),
    clocks(
      `the pairs at position ${number(here)} (wavelength)`, rates.map((rate) => [here * rate]),
      names, rates, "position", { picks: ["position"] },
    ),
    curves(
      "dot product of two positions", range(0, length), [alike], ["PE(p) . PE(p + k)"],
      ["offset k (positions)", "dot product (1 at k = 0)"], { limits: [-1.05, 1.05] },
    ),
    curves(
      "sine of four pairs (wavelength)", wave.x,
      rates.map((rate) => wave.x.map((x) => Math.sin(rate * x))), names, ["position", "value"],
      { limits: [-1.05, 1.05], marks: [[here, `position ${number(here)}`]], ...wave.options },
    ),
  ];
};

const [DOTTED, MOST_POINTS] = [40, 800];

// Where to draw a wave smoothly along positions: 24 points to a turn, where there is room. With
// dots at whole positions where they stand apart, and the position that a tap on a point means.
function smoothly(wavelength, length, start) {
  const room = Math.floor(MOST_POINTS / (length - 1));
  const fine = Math.max(1, Math.min(Math.ceil(24 / wavelength), room));
  const steps = range(0, (length - 1) * fine + 1);
  const nearest = steps.map((step) => Math.floor(step / fine + 0.5));
  const options = { picks: [["position", nearest], null], dots: length <= DOTTED ? fine : 0 };
  return { x: steps.map((step) => start + step / fine), options };
}
