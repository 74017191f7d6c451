// Fixed random numbers, the same as in the kernel: drawn.py says how they are made.

const THREEFRY_TURNS = [13, 15, 26, 6, 17, 29, 16, 24];

// Threefry-2x32 with 20 rounds (Salmon et al. 2011): two random words for a key and two counters.
function threefry([key0, key1], first, second) {
  const keys = [key0, key1, key0 ^ key1 ^ 0x1bd11bda];
  first = (first + key0) | 0;
  second = (second + key1) | 0;
  for (let at = 0; at < 20; at++) {
    const turn = THREEFRY_TURNS[at % 8];
    first = (first + second) | 0;
    second = first ^ ((second << turn) | (second >>> (32 - turn)));
    if (at % 4 === 3) {
      const block = (at >> 2) + 1;
      first = (first + keys[block % 3]) | 0;
      second = (second + keys[(block + 1) % 3] + block) | 0;
    }
  }
  return [first >>> 0, second >>> 0];
}

function crc32(text) {
  let crc = -1;
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}

const [DRAWN_WORD, DRAWN_TABLE] = [0, 1];
const drawnTables = new Map();

// N(0, 1) numbers, row after row. A larger table has all numbers of a smaller one. Kept: a moved
// control asks for the same ones again.
function drawn(name, rows, columns, kind = DRAWN_TABLE) {
  const known = `${kind} ${rows} ${columns} ${name}`;
  if (drawnTables.has(known)) return drawnTables.get(known);
  const key = [crc32(name), kind];
  const table = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column += 2) {
      const [first, second] = threefry(key, row, column / 2);
      const radius = Math.sqrt(-2 * Math.log((first + 0.5) / 2 ** 32));
      const angle = 2 * Math.PI * (second / 2 ** 32);
      table[row * columns + column] = radius * Math.cos(angle);
      if (column + 1 < columns) table[row * columns + column + 1] = radius * Math.sin(angle);
    }
  }
  if (drawnTables.size >= 512) drawnTables.clear(); // a sentence that is typed for a long time
  drawnTables.set(known, table);
  return table;
}

// The words of a sentence, as Python splits it.
const PYTHON_SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;
const wordsOf = (sentence) => sentence.split(PYTHON_SPACE).filter(Boolean);

// Tokens as they stand at an axis.
const shortened = (tokens) =>
  tokens.map((token) => {
    const letters = [...token];
    return letters.length <= 12 ? token : `${letters.slice(0, 11).join("")}…`;
  });
