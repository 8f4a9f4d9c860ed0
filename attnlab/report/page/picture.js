// Alignments as heat maps: source words across, target words down, the darker the more
// weight. All of a picture are attributes, so that it is the same in a file of its own.

const GOLD = report.gold; // as in the printed heat maps
const DAY = {
  paper: "#ffffff",
  ink: "#1a1d21",
  faint: "#6a7079",
  line: "#b9bec6",
  outside: "#e9ebee",
  none: [247, 250, 253],
  all: [8, 48, 107],
  window: "#00735a",
  dot: "#f5d90a",
  dotEdge: "#1a1d21",
  band: "#0072b2",
  bad: "#b02a1e",
  goldInk: "#b35300",
};
const NIGHT = {
  paper: "#16181c",
  ink: "#e8eaed",
  faint: "#9aa1ab",
  line: "#4a505a",
  outside: "#2b2f36",
  none: [30, 34, 40],
  all: [158, 208, 255],
  window: "#2fd0a5",
  dot: "#f5d90a",
  dotEdge: "#111111",
  band: "#56b4e9",
  bad: "#ff8a7a",
  goldInk: "#ff9f45",
};
const FONT = getComputedStyle(document.documentElement).fontFamily;

const ruler = document.createElement("canvas").getContext("2d");

function widthOf(text, size) {
  ruler.font = `${size}px ${FONT}`;
  return ruler.measureText(text).width;
}

function clipped(word, most = 18) {
  const letters = [...word];
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : word;
}

// Bahdanau's and Luong's are gray; one hue keeps the order and leaves gray for "outside".
function shade(byte, colors) {
  const part = Math.sqrt(byte / 255) * 0.35 + (byte / 255) * 0.65;
  const mixed = colors.none.map((from, n) =>
    Math.round(from + part * (colors.all[n] - from)),
  );
  return `rgb(${mixed.join(",")})`;
}

// Sizes for `count` maps on a page `width` wide: as many side by side as stay readable,
// or as many as `asked`.
function layout(pair, count, width, asked) {
  const across = Math.max(pair.source.length, 1),
    down = Math.max(pair.target.length, 1);
  const size = 12.5;
  const left = Math.min(
    150,
    14 + Math.max(0, ...pair.target.map((word) => widthOf(clipped(word), size))),
  );
  const letters = pair.source.reduce((sum, word) => sum + word.length, 0) / across;
  const most = letters > 12 ? 40 : 18; // whole sentences of a story are longer than words
  const longest = Math.max(
    0,
    ...pair.source.map((word) => widthOf(clipped(word, most), size)),
  );
  const slant = Math.PI / 3.2;
  const top = 30 + Math.sin(slant) * longest + 10;
  const over = Math.cos(slant) * longest * 0.95;
  const gap = 22;
  let best = null;
  for (let columns = count; columns >= 1; columns--) {
    if (asked ? columns !== asked : count === 4 && columns === 3) continue; // one alone
    const room = (width - left - over - (columns - 1) * gap) / columns;
    const cell = Math.min(34, room / across);
    if (!best || (cell > 1.25 * best.cell && best.cell < 19)) best = { columns, cell };
  }
  const cell = Math.max(best.cell, 12);
  const { columns } = best;
  const rows = Math.ceil(count / columns);
  const mapWidth = across * cell,
    mapHeight = down * cell;
  return {
    across,
    down,
    most,
    columns,
    rows,
    cell,
    left,
    top,
    gap,
    slant,
    size: Math.min(size, cell * 0.86),
    width: Math.max(width, left + columns * mapWidth + (columns - 1) * gap + over),
    height: rows * (top + mapHeight) + (rows - 1) * gap + 14,
    place: (n) => ({
      x: left + (n % columns) * (mapWidth + gap),
      y: top + Math.floor(n / columns) * (top + mapHeight + gap),
      first: n % columns === 0,
    }),
  };
}

// {svg, sizes, maps}: maps hold the layers that a selection draws into.
function drawPicture(panels, width, colors, focusable, columns) {
  const pair = panels[0].aligned;
  const sizes = layout(pair, panels.length, width, columns);
  const key = drawKey(panels, sizes, colors);
  const [wide, high] = [Math.ceil(sizes.width), Math.ceil(sizes.height + key.height)];
  const picture = svg("svg", {
    xmlns: SVG,
    width: wide,
    height: high,
    viewBox: `0 0 ${wide} ${high}`,
    "font-family": FONT,
    role: "group",
    "aria-label": `${plural(panels.length, "alignment")} of one sentence; arrow keys walk over its words`,
  });
  picture.append(svg("rect", { width: "100%", height: "100%", fill: colors.paper }));
  const maps = panels.map((panel, n) =>
    drawMap(picture, panel, sizes, sizes.place(n), colors, focusable && n === 0),
  );
  picture.append(key.group);
  return { svg: picture, sizes, maps, colors };
}

function drawMap(picture, { row, seed, aligned }, sizes, place, colors, focusable) {
  const { cell, across, down, size } = sizes;
  const group = svg("g", {
    transform: `translate(${place.x.toFixed(1)},${place.y.toFixed(1)})`,
    "data-map": row.slug,
  });
  const titleX = place.first ? -sizes.left + 4 : 0;
  const night = colors === NIGHT;
  const room = across * cell + (place.first ? sizes.left : 0);
  const most = Math.max(8, Math.floor((room - (seed === null ? 70 : 120)) / 7.4));
  const about = [];
  if (seed !== null) about.push(`seed ${seed}`);
  if (aligned.aer !== null && row.cells.aer) about.push(`AER ${aligned.aer.toFixed(2)}`);
  group.append(
    svg("path", {
      d: SHAPES[row.marker],
      fill: colorOf(row, night),
      transform: `translate(${titleX + 5},${14 - sizes.top})`,
    }),
    svg(
      "text",
      {
        x: titleX + 16,
        y: 18 - sizes.top,
        "font-size": 13,
        "font-weight": 600,
        fill: colors.ink,
      },
      svg("title", {}, row.name),
      clipped(row.name, most),
      svg(
        "tspan",
        { dx: 8, "font-weight": 400, fill: colors.faint, "font-size": 11.5 },
        about.join(" · "),
      ),
    ),
  );
  group.append(
    svg("rect", { width: across * cell, height: down * cell, fill: shade(0, colors) }),
  );
  drawOutside(group, row, aligned, sizes, colors);
  drawWeights(group, aligned, sizes, colors);
  group.append(
    svg("rect", {
      width: across * cell,
      height: down * cell,
      fill: "none",
      stroke: colors.line,
    }),
  );
  drawGold(group, aligned, sizes);
  drawPlaces(group, row, aligned, sizes, colors);
  const over = svg("g", { "pointer-events": "none" });
  const words = { source: [], target: [] };
  const word = (kind, n, text, attributes) => {
    const label = svg(
      "text",
      {
        "font-size": size,
        fill: colors.ink,
        "data-word": `${kind}-${n}`,
        ...attributes,
      },
      svg("title", {}, text),
      clipped(text, kind === "source" ? sizes.most : 18),
    );
    if (focusable) make(label, { tabindex: -1, role: "button", class: "word" }, []);
    words[kind].push(label);
    group.append(label);
  };
  const angle = (-180 / Math.PI) * sizes.slant;
  aligned.source.forEach((text, s) =>
    word("source", s, text, {
      transform: `translate(${((s + 0.5) * cell + size * 0.25).toFixed(1)},-7) rotate(${angle.toFixed(0)})`,
    }),
  );
  if (place.first)
    aligned.target.forEach((text, t) =>
      word("target", t, text, {
        x: -7,
        y: ((t + 0.5) * cell + size * 0.34).toFixed(1),
        "text-anchor": "end",
      }),
    );
  group.append(over);
  picture.append(group);
  return { row, aligned, group, over, words, place };
}
