// A caption: its picture once as it is, and once a word, lit where the word looked.

const DIM = 0.22; // what is left of a picture where no weight is, as in the figures

function drawCaptions(panels, width, colors) {
  const { picture } = panels[0].aligned;
  const drawing = startDrawing(width, colors);
  const gap = 8,
    label = 20;
  const most = Math.max(1, ...panels.map(({ aligned }) => aligned.words.length));
  const fitted = (width - gap * most) / (most + 1);
  const side = Math.max(Math.min(120, fitted), Math.min(84, (width - 2 * gap) / 3));
  const columns = Math.max(2, Math.floor((width + gap) / (side + gap)));
  if (picture)
    drawing.svg.append(
      svg(
        "defs",
        {},
        svg("image", {
          id: "picture-shown",
          href: picture,
          width: side,
          height: side,
          "image-rendering": "pixelated",
        }),
      ),
    );
  let top = 0;
  for (const panel of panels) {
    const { row, aligned } = panel;
    const group = drawing.map(panel, 0, top, width);
    const words = aligned.words.join(" ") || "(says nothing)";
    drawing.text(0, top + 38, fitting(words, width, 12.5), { "font-weight": 600 });
    top += 46;
    const cells = unpacked(aligned.weights);
    const many = aligned.rows * aligned.columns;
    const tiles = ["", ...aligned.words];
    tiles.forEach((word, n) => {
      const x = (n % columns) * (side + gap);
      const y = top + Math.floor(n / columns) * (side + label) + label;
      const tile = svg("g", {
        transform: `translate(${x.toFixed(1)},${y.toFixed(1)})`,
        "data-tile": n,
      });
      tile.append(
        picture
          ? svg("use", { href: "#picture-shown" })
          : svg("rect", { width: side, height: side, fill: "#d9d9d9" }),
      );
      const edge = { width: side, height: side, fill: "none", stroke: colors.line };
      group.append(tile, svg("rect", { x, y, ...edge }));
      if (!n) return;
      drawing.text(x, y - 5, fitting(word, side, 12.5), {});
      const own = cells.subarray((n - 1) * many, n * many);
      shadeTile(tile, own, aligned, side);
      if (aligned.reads?.[n - 1] >= 0) frame(tile, aligned.reads[n - 1], aligned, side);
      drawing.spot(x, y, side, side, [
        `${row.name}, “${word}”: `,
        heaviestCells(own, aligned),
      ]);
    });
    top += Math.ceil(tiles.length / columns) * (side + label) + 16;
  }
  return drawing.done(top, {
    drawn: panels.some(({ aligned }) => aligned.reads) ? report.marks.sample : null,
  });
}

// Black over each cell, the less the heavier it is; none over the word's heaviest.
function shadeTile(tile, weights, { rows, columns }, side) {
  const heaviest = Math.max(1, ...weights);
  weights.forEach((byte, n) => {
    const opacity = (1 - DIM) * (1 - byte / heaviest);
    if (opacity < 0.01) return;
    tile.append(
      svg("rect", {
        x: (((n % columns) * side) / columns).toFixed(2),
        y: ((Math.floor(n / columns) * side) / rows).toFixed(2),
        width: (side / columns + 0.05).toFixed(2),
        height: (side / rows + 0.05).toFixed(2),
        fill: "#000000",
        "fill-opacity": opacity.toFixed(2),
      }),
    );
  });
}

function frame(tile, cell, { rows, columns }, side) {
  tile.append(
    svg("rect", {
      x: ((cell % columns) * side) / columns,
      y: (Math.floor(cell / columns) * side) / rows,
      width: side / columns,
      height: side / rows,
      fill: "none",
      stroke: GOLD,
      "stroke-width": 2,
      "data-read": cell,
    }),
  );
}

function heaviestCells(weights, { columns, heaviest }) {
  return [...weights]
    .map((byte, n) => [n, (byte * heaviest) / 255])
    .sort((one, other) => other[1] - one[1])
    .slice(0, 3)
    .map(
      ([n, weight]) =>
        `row ${1 + Math.floor(n / columns)}, column ${1 + (n % columns)} ${weight.toFixed(2)}`,
    )
    .join("; ");
}
