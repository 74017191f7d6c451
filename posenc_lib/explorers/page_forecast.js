// The panel of forecasts, computed in the page. forecast.py does the same in the kernel. `data` has
// of each task the series of the validation part once, where each row begins in it, what ridge and the
// models said, and of each model what its attention needs.

const [PAST_STYLE, FUTURE_STYLE, MODEL_STYLE, FIRST_GUESS_STYLE] = [0, 1, 2, 3];
const LAST_VALUE = "last value";

class ForecastTask {
  static opened = new WeakMap();

  static of(sent) {
    if (!ForecastTask.opened.has(sent)) ForecastTask.opened.set(sent, new ForecastTask(sent));
    return ForecastTask.opened.get(sent);
  }

  constructor(sent) {
    const { history, horizon, season } = sent;
    Object.assign(this, { sent, history, horizon });
    const values = numbers(sent.values, Float64Array);
    this.times = numbers(sent.times, Int32Array);
    this.begins = numbers(sent.begins, Uint16Array);
    this.known = sent.known && numbers(sent.known, Uint8Array);
    this.count = this.begins.length;
    this.months = numbers(sent.months, Uint8Array);
    const cut = (from, length) =>
      Array.from(this.begins, (begin) => values.subarray(begin + from, begin + from + length));
    this.measured = cut(0, history);
    this.past = sent.filled ? this.rowsOf(numbers(sent.filled, Float64Array), history) : this.measured;
    this.future = cut(history, horizon);
    this.last = this.measured.map((past) => past[history - 1]);
    this.guesses = {
      [LAST_VALUE]: this.last.map((last) => new Float64Array(horizon).fill(last)),
      "seasonal naive": this.past.map((past) =>
        range(0, horizon).map((step) => past[history - season + (step % season)]),
      ),
      ridge: this.rowsOf(numbers(sent.ridge, Float64Array), horizon),
    };
    this.said = new Map();
  }

  rowsOf(values, width) {
    return range(0, this.count).map((row) => values.subarray(row * width, (row + 1) * width));
  }

  // The forecasts of a model, row by row.
  model(encoding) {
    if (!this.said.has(encoding)) {
      const moved = this.rowsOf(numbers(this.sent.models[encoding].moved, Float32Array), this.horizon);
      const { scale } = this.sent;
      const found = moved.map((row, at) => Float64Array.from(row, (value) => this.last[at] + value * scale));
      this.said.set(encoding, found);
    }
    return this.said.get(encoding);
  }

  // For each month the origin in it that is nearest to this one, the earlier of two.
  nearest(origin) {
    const found = new Array(12).fill(0);
    const least = new Array(12).fill(Infinity);
    this.months.forEach((month, row) => {
      const away = Math.abs(row - origin);
      if (away < least[month - 1]) [found[month - 1], least[month - 1]] = [row, away];
    });
    return found;
  }

  // The root mean square of forecasts minus rows, over the origins in each month.
  byMonth(guess) {
    const [sums, counts] = [new Float64Array(12), new Float64Array(12)];
    guess.forEach((row, at) => {
      const month = this.months[at] - 1;
      for (let step = 0; step < this.horizon; step++) sums[month] += (row[step] - this.future[at][step]) ** 2;
      counts[month] += this.horizon;
    });
    return sums.map((sum, month) => Math.sqrt(sum / counts[month]));
  }

  // The same at each step ahead, from `from(row, step)`.
  byStep(guess, from) {
    const sums = new Float64Array(this.horizon);
    guess.forEach((row, at) => {
      for (let step = 0; step < this.horizon; step++) sums[step] += (row[step] - from(at, step)) ** 2;
    });
    return sums.map((sum) => Math.sqrt(sum / this.count));
  }

  // How the last token of each head spreads its attention, NaN for a missing month.
  attention(encoding, origin) {
    const { weights, periods, clock } = this.sent.models[encoding];
    const { history, sent } = this;
    const known = this.known
      ? Array.from(this.known.subarray((origin * this.known.length) / this.count, ((origin + 1) * this.known.length) / this.count))
      : range(0, history);
    const n = known.length;
    const model = Transformer.of(weights);
    const times = known.map((at) => this.times[this.begins[origin] + at]);
    const places = { moment: times, time: times.map((at) => at - times[0]), place: range(0, n) }[clock];
    const past = this.measured[origin];
    const x = known.map((at) => Math.fround((past[at] - this.last[origin]) / sent.scale));
    const found = model.firstWeights(x, { start: periods && wavesAt(places, periods) });
    const spread = new Float64Array(model.heads * history).fill(NaN);
    for (let head = 0; head < model.heads; head++) {
      const from = (head * n + n - 1) * n;
      known.forEach((at, token) => (spread[head * history + at] = found[from + token]));
    }
    return [spread, model.heads];
  }
}

// A sine and a cosine of each period, at each place.
function wavesAt(places, periods) {
  const found = new Float64Array(2 * places.length * periods.length);
  places.forEach((place, row) => {
    periods.forEach((period, pair) => {
      const angle = 2 * Math.PI * ((place % period) / period);
      const at = 2 * (row * periods.length + pair);
      found[at] = Math.sin(angle);
      found[at + 1] = Math.cos(angle);
    });
  });
  return found;
}

IN_PAGE.forecast = ({ series, encoding, origin, baseline, gaps }, data) => {
  const { baselines, months, tasks } = data;
  const task = ForecastTask.of(tasks[(gaps && data.gaps[series]) || series]);
  const { history, horizon, future, last } = task;
  const { title, unit, step, dates, models } = task.sent;
  const model = task.model(encoding);
  const errors = [model, ...baselines.map((name) => task.guesses[name])];
  const legend = [encoding, ...baselines];
  const styles = [MODEL_STYLE, ...baselines.map((_, i) => FIRST_GUESS_STYLE + i)];
  const moving = baselines.filter((name) => name !== LAST_VALUE);
  const ahead = range(1, horizon);
  const month = task.months[origin];
  const none = (count) => new Array(count).fill(NaN);
  const onward = (row) => [...none(history - 1), last[origin], ...row];
  const lines = [
    [...task.past[origin], ...none(horizon)], onward(future[origin]), onward(model[origin]),
    onward(task.guesses[baseline][origin]),
  ];
  const missed = new Float64Array(task.count * horizon);
  model.forEach((row, at) => row.forEach((value, k) => (missed[at * horizon + k] = value - future[at][k])));
  const [spread, heads] = task.attention(encoding, origin);
  return [
    curves(
      `${title}: origin ${dates[origin]}`, range(1 - history, history + horizon), lines,
      ["past", "what came", encoding, baseline], [`${step} from the origin`, unit],
      {
        styles: [PAST_STYLE, FUTURE_STYLE, MODEL_STYLE, FIRST_GUESS_STYLE + baselines.indexOf(baseline)],
        marks: [[0, "origin"]],
      },
    ),
    curves(
      "error by month of the origin", range(1, 12), errors.map((guess) => task.byMonth(guess)), legend,
      ["month of the origin (1 is January)", `RMSE (${unit})`],
      { styles, marks: [[month, months[month - 1]]], picks: [["origin", task.nearest(origin)], null] },
    ),
    heatmap(
      `forecast minus truth; marked: ${dates[origin]}`, missed, [task.count, horizon],
      ["origin", `${step} ahead`, unit],
      { starts: [0, 1], ticks: [task.sent.ticks, null], marks: [[origin, null]], picks: ["origin", null] },
    ),
    curves(
      "distance from the last value", ahead,
      [future, model, ...moving.map((name) => task.guesses[name])].map((rows) =>
        task.byStep(rows, (row) => last[row]),
      ),
      ["what came", encoding, ...moving], [`${step} ahead`, `root mean square (${unit})`],
      {
        styles: [
          FUTURE_STYLE, MODEL_STYLE, ...moving.map((name) => FIRST_GUESS_STYLE + baselines.indexOf(name)),
        ],
      },
    ),
    heatmap(
      "attention of the last token", spread, [heads, history],
      ["head", `${step} from the origin`, "weight"],
      { limits: [0, models[encoding].most], palette: "sequential", starts: [0, 1 - history] },
    ),
    curves(
      "error on the whole validation part", ahead,
      errors.map((guess) => task.byStep(guess, (row, k) => future[row][k])), legend,
      [`${step} ahead`, `RMSE (${unit})`], { styles },
    ),
  ];
};
