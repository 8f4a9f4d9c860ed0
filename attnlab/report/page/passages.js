// A question to a passage: each word on a ground of its weight in the last look.

function drawPassages(panels, width, colors) {
  const { source, target, support, answer, names } = panels[0].aligned;
  const drawing = startDrawing(width, colors);
  const named = (word) => (names[word] ? `${word} (${names[word]})` : word);
  const size = 12.5,
    line = 22;
  // One scale for all rows, or an even look would be as dark as a sharp one.
  const darkest = Math.max(...panels.map(({ aligned }) => aligned.darkest));
  const gold = new Set(support);
  let top = 0;
  // Words one after the other in lines: place(n, x, y, width) draws one.
  const flow = (words, place) => {
    let x = 0;
    words.forEach((word, n) => {
      const text = fitting(word, width - 4, size);
      const wide = widthOf(text, size) + 5;
      if (x > 0 && x + wide > width) [x, top] = [0, top + line];
      place(n, text, x, wide);
      x += wide;
    });
    top += line;
  };
  drawing.text(0, top + 15, "question", { fill: colors.faint, "font-size": 11.5 });
  top += line;
  flow(target, (n, text, x) => drawing.text(x, top + 15, text, {}));
  if (answer) {
    drawing.text(0, top + 15, `gold: ${named(answer)}`, { fill: colors.goldInk });
    top += line;
  }
  for (const panel of panels) {
    const { row, aligned } = panel;
    const cells = unpacked(aligned.weights);
    top += 12;
    const group = drawing.map(panel, 0, top - 4, width * 0.6);
    const about = { ...aligned, said: aligned.said ? named(aligned.said) : "no entity" };
    drawing.answer(Math.min(width * 0.62, 46 + 1.1 * widthOf(row.name, 13)), top + 14, about);
    top += 26;
    flow(source, (n, text, x, wide) => {
      const weight = (cells[n] * aligned.heaviest) / 255;
      const part = Math.min(1, weight / darkest);
      if (part > 0.002)
        group.append(
          svg("rect", {
            x: x.toFixed(1),
            y: top,
            width: (wide - 1).toFixed(1),
            height: line - 3,
            rx: 2,
            fill: shade(255 * part, colors),
            "data-shade": n,
          }),
        );
      if (gold.has(n))
        group.append(
          svg("path", {
            d: `M${x.toFixed(1)},${top + line - 2}h${wide.toFixed(1)}`,
            stroke: GOLD,
            "stroke-width": 1.6,
          }),
        );
      drawing.text(x + 2, top + 14, text, { fill: inkOn(part, colors) });
      drawing.spot(x, top, wide, line, [
        `${row.name}: `,
        `${named(source[n])} ${weight.toPrecision(2)}`,
      ]);
    });
  }
  return drawing.done(top + 8, {
    ramp: `weight 0 to ${darkest.toPrecision(2)}`,
    underlined: gold.size ? "the sentence that tells the answer" : null,
  });
}
