// A sequence: its steps to the right, and below each other what was given and wanted,
// what the row said, and where each of its heads wrote and read.

function drawSequences(panels, width, colors) {
  const drawing = startDrawing(width, colors);
  const left = 92;
  let top = 0;
  for (const panel of panels) {
    const group = drawing.map(panel, 0, top, width);
    top += 26;
    for (const part of panel.aligned.panels) {
      const cell = Math.min(12, (width - left) / part.steps);
      const high = Math.max(Math.min(cell, 130 / part.lines), 1.6);
      drawPart(drawing, group, panel, part, { left, top, cell, high }, colors);
      top += high * part.lines + 9;
    }
    top += 14;
  }
  return drawing.done(top, { ramp: "0 to 1", outside: "not scored" });
}

function drawPart(drawing, group, { row }, part, { left, top, cell, high }, colors) {
  const { name, steps, lines, heaviest, first, last, gaps = [] } = part;
  const cells = unpacked(part.weights);
  const value = (t, n) => Math.min(1, (cells[n * steps + t] * heaviest) / 255);
  const box = { x: left, y: top, width: steps * cell, height: lines * high };
  group.append(svg("rect", { ...box, fill: shade(0, colors), "data-part": name }));
  // A path for each shade: thousands of cells would make the page slow.
  const paths = new Map();
  const unscored = new Set(gaps);
  for (let n = 0; n < lines; n++)
    for (let t = 0; t < steps; t++) {
      const level = Math.round(value(t, n) * 32);
      if (!level || unscored.has(t)) continue;
      const at = `M${(left + t * cell).toFixed(2)},${(top + n * high).toFixed(2)}`;
      const size = `h${cell.toFixed(2)}v${high.toFixed(2)}h${(-cell).toFixed(2)}z`;
      paths.set(level, `${paths.get(level) ?? ""}${at}${size}`);
    }
  for (const [level, d] of paths)
    group.append(svg("path", { d, fill: shade((255 * level) / 32, colors) }));
  for (const t of gaps)
    group.append(
      svg("rect", {
        x: (left + t * cell).toFixed(2),
        y: top,
        width: cell.toFixed(2),
        height: (lines * high).toFixed(2),
        fill: colors.outside,
      }),
    );
  group.append(svg("rect", { ...box, fill: "none", stroke: colors.line }));
  const middle = top + (lines * high) / 2;
  drawing.text(left - 8, middle + 4, name, { "text-anchor": "end" });
  const memory = name.startsWith("read") || name.startsWith("write");
  if (memory && lines * high > 34) {
    const small = { "text-anchor": "end", fill: colors.faint, "font-size": 10.5 };
    drawing.text(left - 8, top + 9, `slot ${first}`, small);
    drawing.text(left - 8, top + lines * high, `${last}`, small);
  }
  const what = memory ? "slot" : "line";
  for (let t = 0; t < steps; t++) {
    const heavy = Array.from({ length: lines }, (_, n) => [n, value(t, n)])
      .filter(([, weight]) => weight >= 0.05)
      .sort((one, other) => other[1] - one[1])
      .slice(0, 4)
      .map(([n, weight]) => `${what} ${slotOf(part, n)} ${weight.toFixed(2)}`);
    const said = unscored.has(t) ? "not scored" : heavy.join(", ") || "nothing";
    const head = `${row.name}, ${name}, step ${t + 1}: `;
    drawing.spot(left + t * cell, top, cell, lines * high, [head, said]);
  }
}

// The number of a line: slots run round the end of the memory to its start.
function slotOf({ first, size }, n) {
  return size ? (first + n) % size : first + n;
}
