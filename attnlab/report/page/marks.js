// What is drawn into a map: weights, windows and centres, draws, gold links, the key.

function drawWeights(group, { source, weights }, { cell }, colors) {
  weights.forEach((byte, n) => {
    if (!byte) return;
    const t = Math.floor(n / source.length),
      s = n % source.length;
    group.append(
      svg("rect", {
        x: (s * cell + 0.5).toFixed(1),
        y: (t * cell + 0.5).toFixed(1),
        width: (cell - 1).toFixed(1),
        height: (cell - 1).toFixed(1),
        rx: 1.5,
        fill: shade(byte, colors),
      }),
    );
  });
}

// The half-open range of source words in the window of target word t.
function windowOf(row, aligned, t) {
  if (row.half_width === undefined || !aligned.centres) return null;
  const middle = Math.min(Math.floor(aligned.centres[t]), aligned.source.length - 1);
  return [
    Math.max(0, middle - row.half_width),
    Math.min(aligned.source.length, middle + row.half_width + 1),
  ];
}

function drawOutside(group, row, aligned, { cell, across }, colors) {
  aligned.target.forEach((_, t) => {
    const window = windowOf(row, aligned, t);
    if (!window) return;
    for (const [from, to] of [
      [0, window[0]],
      [window[1], across],
    ])
      if (to > from)
        group.append(
          svg("rect", {
            x: (from * cell).toFixed(1),
            y: (t * cell).toFixed(1),
            width: ((to - from) * cell).toFixed(1),
            height: cell.toFixed(2),
            fill: colors.outside,
          }),
        );
  });
}

function diamond(half) {
  return `M${-half},0L0,${-1.35 * half}L${half},0L0,${1.35 * half}Z`;
}

// The window's edge and p_t of every target word; where a hard read drew, a dot.
function drawPlaces(group, row, aligned, { cell, across }, colors) {
  const { centres, samples } = aligned;
  aligned.target.forEach((_, t) => {
    const top = t * cell;
    const window = windowOf(row, aligned, t);
    if (window)
      group.append(
        svg("path", {
          d: window
            .map(
              (s) => `M${(s * cell).toFixed(1)},${top.toFixed(1)}v${cell.toFixed(1)}`,
            )
            .join(""),
          stroke: colors.window,
          "stroke-width": 1.2,
          opacity: 0.6,
          fill: "none",
          "data-window": t,
        }),
      );
    if (centres) {
      const x = Math.min(centres[t] + 0.5, across) * cell;
      const half = Math.min(5, cell * 0.2);
      group.append(
        svg("path", {
          d: diamond(half),
          transform: `translate(${x.toFixed(1)},${(top + cell / 2).toFixed(1)})`,
          fill: colors.window,
          stroke: colors.paper,
          "stroke-width": 1.2,
          "data-centre": t,
        }),
      );
    }
    if (samples && samples[t] >= 0)
      group.append(
        svg("circle", {
          cx: ((samples[t] + 0.5) * cell).toFixed(1),
          cy: (top + cell / 2).toFixed(1),
          r: (cell * 0.19).toFixed(1),
          fill: colors.dot,
          stroke: colors.dotEdge,
          "stroke-width": 1.1,
          "data-sample": t,
        }),
      );
  });
}

// Sure links are framed in full, possible ones in dashes, with room for what is inside.
function drawGold(group, { sure, possible }, { cell }) {
  const width = Math.max(1.4, Math.min(2.4, cell * 0.09));
  for (const [links, kind] of [
    [sure, "sure"],
    [possible, "possible"],
  ])
    for (const [t, s] of links)
      group.append(
        svg("rect", {
          x: (s * cell + width / 2).toFixed(1),
          y: (t * cell + width / 2).toFixed(1),
          width: (cell - width).toFixed(1),
          height: (cell - width).toFixed(1),
          rx: 2,
          fill: "none",
          stroke: GOLD,
          "stroke-width": width,
          "stroke-dasharray": kind === "sure" ? null : "3 2.4",
          "data-gold": kind,
        }),
      );
}

// What the marks mean, those that are in the picture.
function drawKey(panels, sizes, colors) {
  const group = svg("g", { "font-size": 11.5, fill: colors.faint });
  let x = 6,
    y = sizes.height + 12;
  const add = (sign, width, text) => {
    const long = width + 5 + widthOf(text, 11.5);
    if (x > 6 && x + long > sizes.width) [x, y] = [6, y + 19];
    group.append(
      make(sign, { transform: `translate(${x},${y - 11})` }, []),
      svg("text", { x: x + width + 5, y: y - 1 }, text),
    );
    x += long + 16;
  };
  const has = (test) => panels.some(({ row, aligned }) => test(aligned, row));
  const ramp = svg(
    "g",
    { "data-key": "weight" },
    Array.from({ length: 12 }, (_, n) =>
      svg("rect", {
        x: 5 * n,
        width: 5.3,
        height: 12,
        fill: shade((255 * n) / 11, colors),
      }),
    ),
  );
  add(ramp, 60, report.marks.weight);
  const square = {
    width: 10,
    height: 10,
    x: 1,
    y: 1,
    rx: 2,
    fill: "none",
    stroke: GOLD,
    "stroke-width": 2,
  };
  if (has((aligned) => aligned.sure.length))
    add(svg("g", {}, svg("rect", square)), 12, report.marks.sure);
  if (has((aligned) => aligned.possible.length))
    add(
      svg("g", {}, svg("rect", { ...square, "stroke-dasharray": "3 2.4" })),
      12,
      report.marks.possible,
    );
  if (has((aligned) => aligned.samples))
    add(
      svg(
        "g",
        {},
        svg("circle", {
          cx: 6,
          cy: 6,
          r: 4.5,
          fill: colors.dot,
          stroke: colors.dotEdge,
        }),
      ),
      12,
      report.marks.sample,
    );
  if (has((aligned) => aligned.centres))
    add(
      svg(
        "g",
        {},
        svg("path", {
          d: diamond(4.4),
          transform: "translate(6,6)",
          fill: colors.window,
        }),
      ),
      12,
      report.marks.centre,
    );
  if (has((aligned, row) => aligned.centres && row.half_width))
    add(
      svg(
        "g",
        {},
        svg("rect", { width: 14, height: 12, fill: colors.outside }),
        svg("path", { d: "M14,0v12", stroke: colors.window, "stroke-width": 1.2 }),
      ),
      16,
      report.marks.outside,
    );
  return { group, height: y + 8 - sizes.height };
}
