// A question to a story: its sentences, and a column for every hop of every row.

function drawStories(panels, width, colors) {
  const { source, target, facts, answer } = panels[0].aligned;
  const line = 21,
    hop = 28,
    gap = 26,
    head = 46,
    foot = 30;
  const question = `${target.join(" ")}?`;
  const longest = Math.max(...[...source, question].map((text) => widthOf(text, 12.5)));
  const left = Math.min(longest + 14, Math.max(130, width * 0.55));
  const drawing = startDrawing(width, colors);
  const block = ({ row, aligned }) =>
    Math.max(aligned.hops * hop, widthOf(row.name, 13) + 22, widthOf(aligned.said, 12) + 70);
  let x = left,
    top = 0;
  const story = () => {
    source.forEach((text, n) => {
      const fact = facts.includes(n);
      drawing.text(0, top + head + (n + 0.7) * line, fitting(text, left - 12, 12.5), {
        fill: fact ? colors.goldInk : colors.ink,
        "font-weight": fact ? 700 : 400,
        "data-fact": fact ? n : null,
      });
    });
    const below = top + head + source.length * line + 20;
    drawing.text(0, below, fitting(question, left - 12, 12.5), { "font-weight": 600 });
    if (answer)
      drawing.text(0, below + 18, `gold: ${answer}`, { fill: colors.goldInk });
  };
  story();
  for (const panel of panels) {
    const { row, aligned } = panel;
    if (x > left && x + block(panel) > width) {
      [x, top] = [left, top + head + source.length * line + foot + 34];
      story();
    }
    drawing.map(panel, x, top, block(panel));
    const cells = unpacked(aligned.weights);
    for (let k = 0; k < aligned.hops; k++) {
      drawing.text(x + (k + 0.5) * hop, top + head - 6, `${k + 1}`, {
        "text-anchor": "middle",
        fill: colors.faint,
        "font-size": 11,
      });
      source.forEach((sentence, n) => {
        const weight = (cells[k * source.length + n] * aligned.heaviest) / 255;
        const y = top + head + n * line;
        drawing.cell(x + k * hop, y, hop - 1, line - 1, weight, weight >= 0.095);
        drawing.spot(x + k * hop, y, hop, line, [
          `${row.name}, hop ${k + 1}: `,
          `${sentence} ${weight.toFixed(2)}`,
        ]);
      });
    }
    const below = top + head + source.length * line;
    drawing.answer(x, below + 20, aligned, colors);
    x += block(panel) + gap;
  }
  return drawing.done(top + head + source.length * line + foot + 20);
}
