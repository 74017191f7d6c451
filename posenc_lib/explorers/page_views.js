// Views made in the page, in the form in which the kernel sends them. Each function does what its
// namesake in Python does (views.py, canvas.py, controls.py), and is tested to give the same.

// A number to so many significant digits, as Python's format "g" writes it: ties go to even.
function general(value, digits, commas = false) {
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [, mantissa, power] = /^-?([\d.]+)e(.+)$/.exec(value.toExponential(60));
  const all = mantissa.replace(".", "");
  const tail = all.slice(digits);
  let kept = BigInt(all.slice(0, digits));
  const half = `5${"0".repeat(tail.length - 1)}`;
  if (tail > half || (tail === half && kept % 2n === 1n)) kept += 1n;
  let exponent = Number(power);
  let figures = String(kept);
  if (figures.length > digits) exponent += 1; // 9.99 became 10.0
  figures = figures.slice(0, digits);
  const sign = value < 0 ? "-" : "";
  const trimmed = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (exponent < -4 || exponent >= digits) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    const first = trimmed(`${figures[0]}.${figures.slice(1)}`);
    return `${sign}${first.replace(/\.$/, "")}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  if (exponent < 0) return `${sign}${trimmed(`0.${"0".repeat(-exponent - 1)}${figures}`)}`;
  const whole = figures.slice(0, exponent + 1);
  const part = figures.slice(exponent + 1);
  const grouped = commas ? whole.replace(/\B(?=(\d{3})+$)/g, ",") : whole;
  return sign + (part ? trimmed(`${grouped}.${part}`) : grouped);
}

function number(value) {
  const size = Math.abs(value);
  if (size >= 100 && size < 1e7 && !Number.isInteger(value)) value = Number(general(value, 3));
  if (size < 1e15 && Number.isInteger(value)) {
    return String(value === 0 ? 0 : value).replace(/\B(?=(\d{3})+$)/g, ",");
  }
  return general(value, 3);
}

// Smallest and largest value, NaN aside; null if there is no other. And how many are NaN.
function extremesOf(values) {
  let [low, high, none] = [Infinity, -Infinity, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value < low) low = value;
    if (value > high) high = value;
    if (value !== value) none += 1;
  }
  return [low <= high ? [low, high] : null, none];
}

function span(low, high) {
  const noise = 1e-6 * Math.max(Math.abs(low), Math.abs(high));
  [low, high] = [low, high].map((value) => (Math.abs(value) <= noise ? 0 : value));
  return `from ${number(low)} to ${number(high)}`;
}

// Room about a single value, so that a constant has a scale.
function wide(low, high) {
  if (high - low > 1e-6 * Math.max(Math.abs(low), Math.abs(high))) return [low, high];
  const room = Math.abs(low) / 2 || 0.5;
  return [low - room, high + room];
}

const plain = (value) => value !== value || Number.isInteger(value); // whole, or none at all

// Whole numbers for a matrix: value = low + step * code, the highest code for a missing value.
function quantised(values, extremes) {
  const [low, high] = extremes ?? [0, 0];
  const whole = high - low <= 65_534 && values.subarray(0, 64).every(plain) && values.every(plain);
  const small = whole ? high - low <= 254 : values.length > 65_536;
  const last = small ? 255 : 65_535;
  const step = whole ? 1 : Math.max((high - low) / (last - 1), 1e-6 * Math.abs(low), 1e-300);
  const codes = new (small ? Uint8Array : Uint16Array)(values.length);
  for (let i = 0; i < codes.length; i++) {
    const value = values[i];
    codes[i] = value === value ? (value - low) / step + 0.5 : last; // stored without its fraction
  }
  return { codes, low, step, whole: step === 1, bytes: codes.BYTES_PER_ELEMENT };
}

const NO_PICKS = [null, null];

// What was made before, as long as it is made of the same: a move that only marks another place then
// computes nothing anew. `data` is the panel's, `of` plain values.
const madeOf = new WeakMap();

function kept(data, name, of, make) {
  if (!madeOf.has(data)) madeOf.set(data, new Map());
  const all = madeOf.get(data);
  const key = JSON.stringify(of);
  if (all.get(name)?.key !== key) all.set(name, { key, value: make() });
  return all.get(name).value;
}

const codesOf = new WeakMap(); // by the array of values, which nobody writes into again

function coded(values) {
  if (!codesOf.has(values)) {
    const [extremes, none] = extremesOf(values);
    codesOf.set(values, { extremes, none, sent: quantised(values, extremes) });
  }
  return codesOf.get(values);
}

// values: Float64Array of rows x columns, row by row. labels: [row, column, value]. The options have
// the names and the meaning of Heatmap's arguments (views.py).
function heatmap(name, values, [rows, columns], labels, options = {}) {
  const { palette = "diverging", starts = [0, 0], square = false, numbers: written = true } = options;
  const { ticks: named = [null, null], texts = null, colours = null, marks = [], picks = NO_PICKS } = options;
  const { extremes, none, sent } = coded(values);
  const [least, most] = extremes ?? [0, 1];
  const largest = Math.max(-least, most) || 1;
  const limits = options.limits ?? (palette === "diverging" ? [-largest, largest] : wide(least, most));
  const noise = 1e-6 * (limits[1] - limits[0]);
  const [under, over] = extremes ?? limits;
  let alt = `${colours ? "Picture" : "Heat map"} of ${name}: ${rows} x ${columns} (${labels[0]} by ${labels[1]})`;
  const down = (column) => texts.map((row) => row[column]).join(" ");
  const heads = named[1] ?? range(starts[1], columns);
  if (texts && !colours) alt += `. ${heads.map((head, i) => `${head}: ${down(i)}`).join("; ")}.`;
  else {
    alt += extremes ? `, ${labels[2]} ${span(...extremes)}` : ", every cell masked";
    if (extremes && none) alt += `, ${number(none)} cells masked`;
    alt += `${markedCells(marks, labels)}.`;
  }
  return {
    kind: "heatmap", name, alt, shape: [rows, columns], values, ...sent,
    beyond: [under < limits[0] - noise, over > limits[1] + noise],
    limits, palette, labels, starts, ticks: named, square, numbers: written, texts, colours,
    marks, picks,
  };
}

function markedCells(marks, labels) {
  if (!marks.length) return "";
  if (marks.length > 2) return `; ${marks.length} places marked`;
  const said = marks.map(([row, column]) =>
    [row === null ? [] : `${labels[0]} ${row}`, column === null ? [] : `${labels[1]} ${column}`]
      .flat()
      .join(" and "),
  );
  return `; marked: ${said.join(", ")}`;
}

// x: numbers; ys: one array of numbers for each curve; labels: [x, y]. The options have the names
// and the meaning of Curves' arguments (views.py); logs: [log_x, log_y].
function curves(name, x, ys, legend, labels, options = {}) {
  const { logs = [false, false], styles = legend.map((_, i) => i) } = options;
  const { marks = [], picks = NO_PICKS, dots = 0 } = options;
  const all = Float64Array.from(ys.flatMap((y) => Array.from(y)));
  const [extremes] = extremesOf(all);
  const fitted = () => {
    if (logs[1]) {
      const [low, high] = extremes ?? [1, 10];
      return high > low ? [low / 1.2, high * 1.2] : [low / 2, high * 2];
    }
    const [low, high] = extremes ? wide(...extremes) : [0, 1];
    const air = 0.05 * (high - low);
    return [low - air, high + air];
  };
  const many = ys.length > 1 ? `${ys.length} curves` : "one curve";
  let alt = `Curves of ${name}: ${many} (${legend.join(", ")}) over ${labels[0]} `;
  alt += `${number(x[0])} to ${number(x[x.length - 1])}`;
  if (extremes) alt += `, ${labels[1]} ${span(...extremes)}`;
  if (marks.length) {
    const said = marks.map(([at, word]) => (word ? `${word} at ${number(at)}` : number(at)));
    alt += `; marked: ${said.join(", ")}`;
  }
  return {
    kind: "curves", name, alt: `${alt}.`, x: Float64Array.from(x), ys: Float32Array.from(all),
    legend, styles, limits: options.limits ?? fitted(), labels, logs, marks, picks, dots,
  };
}

// A combination of settings that has no picture, in a plain sentence.
class Refused extends Error {}

const tableRow = (values, dim, row) => values.subarray(row * dim, (row + 1) * dim);

function dotOf(one, other) {
  let sum = 0;
  for (let i = 0; i < one.length; i++) sum += one[i] * other[i];
  return sum;
}

const range = (from, count) => Array.from({ length: count }, (_, i) => from + i);
