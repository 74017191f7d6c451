// The sinusoidal panel, computed in the page. sinusoidal.py does the same in the kernel.

// Angle addition, as in the library: sin and cos of k w for k below the length, which the third
// picture needs too, are turned by the angles of the first position. All in float64.
IN_PAGE.sinusoidal = ({ dim, length, base, start }) => {
  const pairs = dim / 2;
  const w = range(0, pairs).map((pair) => base ** ((-2 * pair) / dim));
  const table = new Float64Array(length * dim);
  const alike = new Float64Array(length);
  const first = w.map((frequency) => [Math.sin(start * frequency), Math.cos(start * frequency)]);
  for (let k = 0, at = 0; k < length; k++) {
    let sum = 0;
    for (let pair = 0; pair < pairs; pair++) {
      const [sine, cosine] = [Math.sin(k * w[pair]), Math.cos(k * w[pair])];
      const [turnSine, turnCosine] = first[pair];
      table[at++] = turnSine * cosine + turnCosine * sine;
      table[at++] = turnCosine * cosine - turnSine * sine;
      sum += cosine;
    }
    alike[k] = sum / pairs;
  }
  const chosen = [...new Set([0, 1, 2, 4].map((share) => Math.floor((share * pairs) / 8)))];
  const wave = (pair) => range(0, length).map((k) => table[k * dim + 2 * pair]);
  const turn = (pair) => general((2 * Math.PI) / w[pair], 4, true);
  return [
    heatmap("table", table, [length, dim], ["position", "dimension", "value"], {
      limits: [-1, 1],
      starts: [start, 0],
    }),
    curves(
      "sine of four pairs (wavelength)", range(start, length), chosen.map(wave),
      chosen.map((pair) => `pair ${pair} (${turn(pair)})`), ["position", "value"], { limits: [-1.05, 1.05] },
    ),
    curves(
      "dot product of two positions", range(0, length), [alike], ["PE(p) . PE(p + k)"],
      ["offset k (positions)", "dot product (1 at k = 0)"], { limits: [-1.05, 1.05] },
    ),
  ];
};
