// Curves: lines of rows that the legend turns on and off, values where the pointer is.

const DRAWN = 8; // rows drawn at first
const hidden = new Set();
const WIDE = 560,
  HIGH = 330,
  LEFT = 52,
  RIGHT = 14,
  TOP = 12,
  BOTTOM = 52;

function curveRows() {
  const slugs = new Set(
    report.charts.flatMap((chart) => chart.lines.map((line) => line.row)),
  );
  return report.rows.filter((row) => slugs.has(row.slug) && passes(row));
}

function drawLegend(rows) {
  const legend = byId("legend");
  const focused = document.activeElement?.dataset?.line;
  const set = (some) => {
    hidden.clear();
    for (const row of report.rows) if (!some.includes(row.slug)) hidden.add(row.slug);
    drawCharts();
  };
  legend.replaceChildren(
    html(
      "div",
      { class: "lines" },
      rows.map((row) =>
        button(
          [mark(row), row.name],
          () => {
            if (!hidden.delete(row.slug)) hidden.add(row.slug);
            drawCharts();
          },
          {
            class: "line",
            "aria-pressed": !hidden.has(row.slug),
            "data-line": row.slug,
          },
        ),
      ),
    ),
    html(
      "div",
      { class: "tools" },
      button("all", () => set(rows.map((row) => row.slug)), { class: "plain" }),
      button("none", () => set([]), { class: "plain" }),
      state.rows.length
        ? button("those in the viewer", () => set(state.rows), { class: "plain" })
        : null,
    ),
  );
  if (focused) legend.querySelector(`[data-line="${CSS.escape(focused)}"]`)?.focus();
}

function drawCharts() {
  if (!report.charts.length) return;
  byId("curves").hidden = false;
  const rows = curveRows();
  drawLegend(rows);
  const shown = new Set(
    rows.filter((row) => !hidden.has(row.slug)).map((row) => row.slug),
  );
  byId("charts").replaceChildren(
    ...report.charts.map((chart) => drawChart(chart, shown)),
  );
}

// [least, most] of any number of values: too many are no arguments of Math.min.
function extremes(values) {
  if (!values.length) return [0, 1];
  return values.reduce(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Infinity, -Infinity],
  );
}

// Three to seven round numbers that hold [low, high].
function ticks(low, high) {
  const span = high - low || Math.abs(high) || 1;
  const unit = 10 ** Math.floor(Math.log10(span / 4));
  const step = [1, 2, 5, 10].map((n) => n * unit).find((step) => span / step <= 6);
  const found = [];
  for (let k = Math.floor(low / step); k <= Math.ceil(high / step); k++)
    found.push(Number((k * step).toPrecision(10)));
  return found;
}

function scale(from, to, start, end) {
  return (value) => start + ((value - from) / (to - from || 1)) * (end - start);
}

function path(xs, ys, x, y) {
  let pen = "M";
  const parts = [];
  xs.forEach((at, n) => {
    if (ys[n] === null) pen = "M";
    else {
      parts.push(`${pen}${x(at).toFixed(1)},${y(ys[n]).toFixed(1)}`);
      pen = "L";
    }
  });
  return parts.join("");
}

function area(line, x, y) {
  const known = line.x.map((_, n) => n).filter((n) => line.low[n] !== null);
  const there = known.map(
    (n) => `${x(line.x[n]).toFixed(1)},${y(line.high[n]).toFixed(1)}`,
  );
  const back = known
    .reverse()
    .map((n) => `${x(line.x[n]).toFixed(1)},${y(line.low[n]).toFixed(1)}`);
  return there.length > 1 ? `M${there.join("L")}L${back.join("L")}Z` : "";
}

function short(value) {
  if (value === null || value === undefined) return "—";
  const size = Math.abs(value);
  return value.toLocaleString("en", {
    maximumFractionDigits: size >= 100 ? 0 : size >= 10 ? 1 : 3,
  });
}

function drawChart(chart, shown) {
  const lines = chart.lines.filter((line) => shown.has(line.row));
  const xs = chart.labels
    ? chart.labels.map((_, n) => n)
    : [...new Set(lines.flatMap((line) => line.x))].sort((a, b) => a - b);
  const ys = lines
    .flatMap((line) => [
      line.mean,
      line.low ?? [],
      line.high ?? [],
      (line.rests ?? []).flatMap((rest) => rest.y),
    ])
    .flat()
    .filter((value) => value !== null);
  const least = lines.every((line) =>
    line.mean.every((value) => value === null || value >= 0),
  )
    ? 0
    : -Infinity;
  const bound = (value) => Math.min(Math.max(value, least), chart.most ?? Infinity); // of bands
  const levels = ticks(...extremes(ys).map(bound));
  const reach = [
    ...xs,
    ...lines.flatMap((line) => (line.rests ?? []).flatMap((rest) => rest.x)),
  ];
  const [first, last] = extremes(reach);
  const x = scale(
    first,
    last,
    LEFT + (chart.labels ? 24 : 8),
    WIDE - RIGHT - (chart.labels ? 24 : 8),
  );
  const height = scale(levels[0], levels.at(-1), HIGH - BOTTOM, TOP);
  const y = (value) => height(bound(value));
  const picture = svg("svg", {
    viewBox: `0 0 ${WIDE} ${HIGH}`,
    role: "img",
    "aria-label": `${chart.title}: ${plural(lines.length, "row")}`,
  });
  for (const level of levels) {
    picture.append(
      svg("line", {
        class: "grid",
        x1: LEFT,
        x2: WIDE - RIGHT,
        y1: height(level),
        y2: height(level),
      }),
      svg(
        "text",
        { class: "tick", x: LEFT - 8, y: height(level) + 4, "text-anchor": "end" },
        short(level),
      ),
    );
  }
  const marks = chart.labels
    ? xs
    : ticks(first, last).filter((at) => at >= first && at <= last);
  for (const at of marks) {
    const label = chart.labels ? chart.labels[at] : short(at);
    picture.append(
      svg(
        "text",
        { class: "tick", x: x(at), y: HIGH - BOTTOM + 17, "text-anchor": "middle" },
        label,
      ),
    );
    if (chart.counts)
      picture.append(
        svg(
          "text",
          { class: "count", x: x(at), y: HIGH - BOTTOM + 30, "text-anchor": "middle" },
          `${chart.counts[at]}`,
        ),
      );
  }
  const under = chart.counted
    ? `${chart.x}; below, how many ${chart.counted}`
    : chart.x;
  picture.append(
    svg(
      "text",
      {
        class: "tick",
        x: (LEFT + WIDE - RIGHT) / 2,
        y: HIGH - 7,
        "text-anchor": "middle",
      },
      under,
    ),
  );
  for (const line of lines) picture.append(drawLine(line, x, y));
  return hoverable(chart, lines, xs, x, picture);
}

function drawLine(line, x, y) {
  const row = rowOf.get(line.row);
  const color = colorOf(row);
  const group = svg("g", { "data-line": line.row });
  if (line.low)
    group.append(
      svg("path", { d: area(line, x, y), fill: color, "fill-opacity": 0.12 }),
    );
  for (const rest of line.rests ?? [])
    group.append(
      svg("path", {
        d: path(rest.x, rest.y, x, y),
        fill: "none",
        stroke: color,
        "stroke-width": 1,
        opacity: 0.6,
      }),
    );
  group.append(
    svg("path", {
      d: path(line.x, line.mean, x, y),
      fill: "none",
      stroke: color,
      "stroke-width": 2,
      "stroke-linejoin": "round",
      "stroke-dasharray": row.dashes.map((dash) => 2 * dash).join(" ") || null,
    }),
  );
  const every = Math.max(1, Math.floor(line.x.length / 8));
  line.x.forEach((at, n) => {
    if (n % every || line.mean[n] === null) return;
    group.append(
      svg("path", {
        d: SHAPES[row.marker],
        fill: color,
        class: "dot",
        transform: `translate(${x(at).toFixed(1)},${y(line.mean[n]).toFixed(1)})`,
      }),
    );
  });
  return group;
}

// The chart with a guide that the pointer or the arrow keys move from x to x.
function hoverable(chart, lines, xs, x, picture) {
  const guide = svg("line", {
    class: "guide",
    y1: TOP,
    y2: HIGH - BOTTOM,
    visibility: "hidden",
  });
  picture.prepend(guide);
  const tip = html("div", { class: "tip", hidden: true, role: "status" });
  let place = null;
  const show = (n) => {
    if (n === null || !xs.length) {
      place = null;
      tip.hidden = true;
      guide.setAttribute("visibility", "hidden");
      return;
    }
    place = Math.max(0, Math.min(n, xs.length - 1));
    const at = xs[place];
    guide.setAttribute("visibility", "visible");
    guide.setAttribute("x1", x(at));
    guide.setAttribute("x2", x(at));
    const values = lines
      .map((line) => ({ line, n: line.x.indexOf(at) }))
      .filter(({ line, n }) => n >= 0 && line.mean[n] !== null)
      .sort((a, b) => b.line.mean[b.n] - a.line.mean[a.n]);
    tip.replaceChildren(
      html(
        "p",
        { class: "muted" },
        chart.labels
          ? `${chart.labels[at]} · ${plural(chart.counts[at], chart.counted.replace(/s$/, ""))}`
          : `step ${short(at)}`,
      ),
      ...values
        .slice(0, 14)
        .map(({ line, n }) =>
          html(
            "p",
            {},
            mark(rowOf.get(line.row)),
            html("span", {}, rowOf.get(line.row).name),
            html("b", {}, short(line.mean[n])),
            line.low
              ? html("small", {}, ` ${short(line.low[n])} to ${short(line.high[n])}`)
              : null,
          ),
        ),
      values.length > 14
        ? html("p", { class: "muted" }, `and ${values.length - 14} more`)
        : "",
    );
    tip.hidden = false;
    const share = x(at) / WIDE;
    tip.style.setProperty("left", share < 0.5 ? `${100 * share + 3}%` : "auto");
    tip.style.setProperty("right", share < 0.5 ? "auto" : `${100 * (1 - share) + 3}%`);
  };
  picture.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * WIDE;
    let best = 0;
    xs.forEach((value, n) => {
      if (Math.abs(x(value) - at) < Math.abs(x(xs[best]) - at)) best = n;
    });
    show(best);
  });
  picture.addEventListener("pointerleave", () => show(null));
  const keys = (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (move) {
      event.preventDefault();
      show(place === null ? (move > 0 ? 0 : xs.length - 1) : place + move);
    } else if (event.key === "Escape") show(null);
  };
  const frame = html(
    "div",
    {
      class: "frame",
      tabindex: 0,
      role: "group",
      "aria-label": `${chart.title}; left and right arrows read values`,
      onkeydown: keys,
      onblur: () => show(null),
    },
    picture,
    tip,
  );
  const legend = lines.some((line) => line.low)
    ? `${chart.y}; band: ${chart.band}`
    : chart.y;
  return html(
    "figure",
    { class: "chart" },
    html(
      "figcaption",
      {},
      html("h3", {}, chart.title),
      html("p", { class: "muted" }, legend),
    ),
    frame,
  );
}
