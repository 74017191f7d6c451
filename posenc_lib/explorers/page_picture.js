// The panel of the photograph, computed in the page. picture.py does the same in the kernel. `data`
// has every frame as numbers of its own 256 colours, and how near each comes.

class Frames {
  static opened = new WeakMap();

  static of(data) {
    if (!Frames.opened.has(data)) Frames.opened.set(data, new Frames(data));
    return Frames.opened.get(data);
  }

  constructor(data) {
    this.data = data;
    this.pixels = data.side ** 2;
    this.frames = numbers(data.frames, Uint8Array);
    this.colours = numbers(data.colours, Uint8Array);
    this.psnr = numbers(data.psnr, Float32Array);
    this.seen = numbers(data.seen, Uint8Array);
    const rows = range(0, data.side);
    this.texts = rows.map((row) =>
      rows.map((column) => (this.seen[row * data.side + column] ? "seen" : "held out")),
    );
    const truth = numbers(data.photograph, Uint8Array);
    this.shown = this.picture((i) => 3 * i, truth);
    this.shown.values = this.shown.values.map((value, i) => (this.seen[i] ? value : NaN));
  }

  // Brightness and colours of a picture; the red of pixel i stands at place(i).
  picture(place, from) {
    const [red, green, blue] = this.data.light;
    const values = new Float64Array(this.pixels);
    const colours = new Uint32Array(this.pixels);
    for (let i = 0; i < this.pixels; i++) {
      const at = place(i);
      const [r, g, b] = [from[at], from[at + 1], from[at + 2]];
      values[i] = (red * r + green * g + blue * b) / 255;
      colours[i] = (r << 16) | (g << 8) | b;
    }
    return { values, colours };
  }

  // Row 0 are raw coordinates, the others scales; columns are steps.
  frame(row, column) {
    const which = row * this.data.steps.length + column;
    return this.picture(
      (i) => (which * 256 + this.frames[which * this.pixels + i]) * 3, this.colours,
    );
  }

  // How near a frame comes to the seen (0) or the held-out pixels (1).
  near(row, column, part) {
    return this.psnr[(row * this.data.steps.length + column) * 2 + part];
  }
}

// The place of the stored number whose logarithm is nearest, the smaller of two.
function nearestPlace(stored, wanted) {
  const away = stored.map((each) => Math.abs(Math.log(each) - Math.log(wanted)));
  return away.indexOf(Math.min(...away));
}

IN_PAGE.picture = ({ features, scale, step }, data) => {
  const { scales, steps, side, labels, parts, rule, ruleName, limits } = data;
  const kept = Frames.of(data);
  const column = nearestPlace(steps, step);
  const near = nearestPlace(scales, scale);
  const random = features === "random";
  const row = random ? near + 1 : 0;
  const name = random ? `scale ${number(scales[near])}` : "raw coordinates";
  const at = steps[column];
  const drawn = (title, { values, colours }) =>
    heatmap(title, values, [side, side], labels, {
      limits: [0, 1], palette: "sequential", square: true, numbers: false, texts: kept.texts, colours,
    });
  const places = scales.map((_, i) => i);
  return [
    drawn(`${name}, after ${at} steps`, kept.frame(row, column)),
    drawn("what it was shown", kept.shown),
    curves(
      `${name}: how near, step by step`, steps,
      [0, 1].map((part) => steps.map((_, i) => kept.near(row, i, part))), parts,
      ["training (steps)", "PSNR (dB)"],
      { limits, logs: [true, false], marks: [[at, `${at}`]], picks: ["step", null] },
    ),
    curves(
      `after ${at} steps: how near, by scale`, scales,
      [...[0, 1].map((part) => places.map((i) => kept.near(i + 1, column, part))), places.map(() => rule)],
      [...parts, ruleName], ["scale of the features", "PSNR (dB)"],
      {
        limits, logs: [true, false], picks: ["scale", null],
        marks: random ? [[scales[near], number(scales[near])]] : [],
      },
    ),
  ];
};
