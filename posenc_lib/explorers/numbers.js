// Numbers from bytes, numbers in words, and round ticks.

// The bytes of a message as an array; a copy only where they are not aligned.
function numbers(view, Kind) {
  const size = Kind.BYTES_PER_ELEMENT;
  const { buffer, byteOffset, byteLength } = view;
  if (byteOffset % size === 0) return new Kind(buffer, byteOffset, byteLength / size);
  return new Kind(buffer.slice(byteOffset, byteOffset + byteLength));
}

// A number with the decimals that multiples of `step` need.
function written(value, step) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const needed = Math.max(Math.ceil(-Math.log10(step) - 1e-9), 0);
  const tiny = needed > 7 && size < 1e-3;
  if (size >= 1e7 || tiny) return value.toExponential(2).replaceAll("-", "−");
  const decimals = Math.min(needed, 7);
  const rounded = size.toFixed(decimals);
  let [whole, part] = rounded.split(".");
  if (size >= 1000) whole = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return (value < 0 && Number(rounded) !== 0 ? "−" : "") + whole + (part ? `.${part}` : "");
}

// Round ticks: steps of 1, 2 or 5 times a power of ten.
function ticks(low, high, most, whole = false) {
  const raw = (high - low) / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  let step = [1, 2, 5, 10].find((m) => m * power >= raw * (1 - 1e-9)) * power;
  if (whole) step = Math.max(1, Math.round(step));
  const found = [];
  for (let k = Math.ceil(low / step - 1e-6); k * step <= high + step * 1e-6; k++) {
    found.push({ at: k * step, text: written(k * step, step) });
  }
  // A single number is no scale: better a little crowded.
  const finer = found.length < 2 && high > low && most < 8 && !(whole && step === 1);
  return finer ? ticks(low, high, 1.5 * most, whole) : found;
}

function logTicks(low, high, most) {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const every = Math.max(1, Math.ceil((last - first + 1) / Math.max(most, 1)));
  const factors = last - first < 2 ? [1, 2, 5] : [1];
  const found = [];
  for (let k = first - 1; k <= last; k += every) {
    for (const factor of factors) {
      const at = factor * 10 ** k;
      if (at >= low * (1 - 1e-9) && at <= high * (1 + 1e-9)) {
        found.push({ at, text: written(at, Math.min(at, 1)) });
      }
    }
  }
  return found;
}

// What a panel says, in the language of the page: a book in another one brings a list of words, in
// which # is any number.
const ANY_NUMBER = /\d+(?:[.,]\d+)*/g;

function word(text) {
  const words = globalThis.posencWords;
  if (!words || !text) return text;
  const given = text.match(ANY_NUMBER) ?? [];
  const others = words[text.replace(ANY_NUMBER, "#")]?.replaceAll("#", () => given.shift());
  return words[text] ?? others ?? text;
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// The functions that compute the views of a panel, one in each page_*.js.
const IN_PAGE = {};
