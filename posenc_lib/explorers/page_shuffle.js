// The panel of the shuffled digit, computed in the page. shuffled.py does the same in the kernel.

// An image of whole greys, row by row, as tokens one after the other: squares of side x side.
function squaresOf(image, side, across) {
  const found = [];
  const rows = across * side;
  for (let token = 0; token < across * across; token++) {
    const [top, left] = [Math.floor(token / across) * side, (token % across) * side];
    for (let i = 0; i < side * side; i++) {
      found.push(image[(top + Math.floor(i / side)) * rows + left + (i % side)]);
    }
  }
  return Float64Array.from(found);
}

function pictureOf(tokens, side, across) {
  const rows = across * side;
  const found = new Float64Array(rows * rows);
  for (let i = 0; i < rows * rows; i++) {
    const [row, column] = [Math.floor(i / rows), i % rows];
    const token = Math.floor(row / side) * across + Math.floor(column / side);
    found[i] = tokens[token * side * side + (row % side) * side + (column % side)];
  }
  return found;
}

IN_PAGE.shuffle = ({ image, moved }, data) => {
  const { titles, side, counts, greys } = data;
  const number = counts[counts.length - 1];
  const across = Math.round(Math.sqrt(number));
  const rows = across * side;
  const pixels = numbers(data.images, Uint8Array).subarray(image * rows * rows, (image + 1) * rows * rows);
  const labels = numbers(data.labels, Uint8Array);
  const tokens = squaresOf(Array.from(pixels, (grey) => grey / greys), side, across);
  const place = counts.indexOf(moved);
  const from = (place * labels.length + image) * number;
  const order = numbers(data.orders, Uint8Array).subarray(from, from + number);
  const features = side * side;
  const seen = new Float64Array(tokens.length);
  order.forEach((old, at) => {
    seen.set(tokens.subarray(old * features, (old + 1) * features), at * features);
  });
  const right = numbers(data.right, Float32Array);
  const shares = data.models.map((model) => Array.from(softmaxOf(Transformer.of(model).logits(seen))));
  const guesses = shares.map((share, m) => `${titles[m]}: ${share.indexOf(Math.max(...share))}`);
  const drawn = (name, shown) =>
    heatmap(
      name, pictureOf(shown, side, across), [rows, rows],
      ["row (pixels)", "column (pixels)", "grey value"],
      { limits: [0, 1], palette: "sequential", square: true, numbers: false },
    );
  return [
    drawn(`image ${image}, a ${labels[image]}: ${moved} of ${number} tokens moved`, seen),
    drawn(`image ${image} as it was`, tokens),
    heatmap(
      `what each model says of this ${labels[image]}`, Float64Array.from(shares.flat()),
      [titles.length, 10], ["model: its guess", "digit", "probability"],
      { limits: [0, 1], palette: "sequential", ticks: [guesses, null], marks: [[null, labels[image]]] },
    ),
    curves(
      `all test images, ${moved} moved`, counts,
      titles.map((_, m) => right.subarray(m * counts.length, (m + 1) * counts.length)), titles,
      ["moved (tokens)", "share of the test images right"],
      { limits: [0, 1.02], marks: [[moved, `${moved} moved`]], picks: ["moved", null] },
    ),
  ];
};
