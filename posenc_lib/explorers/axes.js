// What heat maps and curves share: ticks and labels about a box.

function turned(pen, text, x, y, angle) {
  pen.save();
  pen.translate(x, y);
  pen.rotate(angle);
  pen.fillText(text, 0, 0);
  pen.restore();
}

function widest(pen, texts) {
  return texts.reduce((most, text) => Math.max(most, pen.measureText(text).width), 0);
}

// A label stands in the middle, or beside it where it would not fit. One that is longer than all the
// room loses what it has in brackets, and is written smaller if that is not enough.
function fitted(pen, text, room, write, middle = room / 2) {
  let [label, wide] = [text, pen.measureText(text).width];
  if (wide > room) {
    label = text.replace(/ ?[(\uff08].*[)\uff09]$/, "");
    wide = pen.measureText(label).width;
  }
  if (wide <= room) return write(label, clamp(middle, wide / 2, room - wide / 2));
  const { font } = pen;
  pen.font = font.replace(/^[\d.]+/, (size) => Math.max(size * (room / wide), 8));
  write(label, room / 2);
  pen.font = font;
}

// Ticks and labels on the left and below a box; `place` turns a value into a coordinate.
function axes(pen, box, theme, across, down, labels) {
  const { size } = theme;
  pen.fillStyle = theme.text;
  pen.strokeStyle = theme.text;
  pen.lineWidth = 1;
  pen.beginPath();
  for (const tick of across.ticks) {
    const x = across.place(tick.at);
    pen.moveTo(x, box.bottom);
    pen.lineTo(x, box.bottom + 4);
  }
  for (const tick of down.ticks) {
    const y = down.place(tick.at);
    pen.moveTo(box.left, y);
    pen.lineTo(box.left - 4, y);
  }
  pen.stroke();
  pen.textBaseline = "top";
  for (const tick of across.ticks) {
    if (across.slant) {
      pen.textAlign = "right";
      turned(pen, tick.text, across.place(tick.at) + size * 0.2, box.bottom + 5, -Math.PI / 4);
    } else {
      pen.textAlign = "center";
      pen.fillText(tick.text, across.place(tick.at), box.bottom + 6);
    }
  }
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const tick of down.ticks) pen.fillText(tick.text, box.left - 7, down.place(tick.at));
  pen.textAlign = "center";
  pen.textBaseline = "bottom";
  const [along, up] = labels.map(word);
  const write = (label, x) => pen.fillText(label, x, box.foot);
  fitted(pen, along, box.wide, write, (box.left + box.right) / 2);
  pen.textBaseline = "top";
  const turn = (label, y) => turned(pen, label, box.head, y, -Math.PI / 2);
  fitted(pen, up, box.foot, turn, (box.top + box.bottom) / 2);
}

const DISTANCE = "key minus query";

// What an axis counts, whatever its label adds in brackets or says about it.
function axisOf(label) {
  const bare = label.replace(/ \(.*\)$/, "").replace(/, K = .*$/, "");
  return { "position of the query": "query", "place of the query": "query" }[bare] ?? bare;
}
