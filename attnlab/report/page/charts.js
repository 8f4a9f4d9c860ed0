// Curves: SVG from matplotlib with values as titles. A row is loaded when it is turned on
// for the first time.

const DRAWN = 8; // rows drawn at first
const hidden = new Set(); // slugs of rows turned off

const charts = [...byId("charts").querySelectorAll("svg")];
const withCurves = new Set(report.curves);
const chartLines = new Map(); // slug -> promise of its elements in the charts

function curveRows() {
  return report.rows.filter((row) => withCurves.has(row.slug) && passes(row));
}

// An SVG element of [tag, attributes, children]; children are such lists, or texts.
function fromList([tag, attributes, children]) {
  const inside = children.map((child) =>
    typeof child === "string" ? child : fromList(child),
  );
  return svg(tag, attributes, ...inside);
}

function linesOf(slug) {
  return remembered(chartLines, slug, async () => {
    const parts = await load(`curves/${slug}`, `curves/${slug}.js`);
    return parts.map(([chart, layer, part]) => {
      const element = fromList(part);
      charts[chart].querySelector(`[data-layer="${layer}"]`).append(element);
      return element;
    });
  });
}

async function showLines(slug, visible) {
  if (!visible && !chartLines.has(slug)) return;
  for (const line of await linesOf(slug))
    line.setAttribute("display", visible ? "inline" : "none");
}

async function drawCharts() {
  if (!withCurves.size) return;
  const first = byId("curves").hidden;
  byId("curves").hidden = false;
  if (first) stackPanels();
  const rows = curveRows();
  drawLegend(rows);
  const visible = new Set(
    rows.filter((row) => !hidden.has(row.slug)).map((row) => row.slug),
  );
  const all = [...withCurves].map((slug) => showLines(slug, visible.has(slug)));
  const failed = (await Promise.allSettled(all)).find((each) => each.reason);
  byId("unread").textContent = failed ? failed.reason.message : "";
}

function drawLegend(rows) {
  const legend = byId("legend");
  const focused = document.activeElement?.dataset?.curve;
  const drawOnly = (slugs) => {
    hidden.clear();
    for (const row of report.rows) if (!slugs.includes(row.slug)) hidden.add(row.slug);
    drawCharts();
  };
  const toggle = (row) => {
    if (!hidden.delete(row.slug)) hidden.add(row.slug);
    drawCharts();
  };
  const buttons = rows.map((row) =>
    button([mark(row), row.name], () => toggle(row), {
      class: "line",
      "aria-pressed": !hidden.has(row.slug),
      "data-curve": row.slug,
    }),
  );
  const tools = [
    ["all", rows.map((row) => row.slug)],
    ["none", []],
    ...(state.rows.length ? [["those in the viewer", state.rows]] : []),
  ].map(([text, slugs]) => button(text, () => drawOnly(slugs), { class: "plain" }));
  legend.replaceChildren(
    html("div", { class: "lines" }, buttons),
    html("div", { class: "tools" }, tools),
  );
  if (focused) legend.querySelector(`[data-curve="${CSS.escape(focused)}"]`)?.focus();
}

const narrow = window.matchMedia("screen and (max-width: 600px)");

// On a narrow page the panels of a chart stand below each other: side by side nobody
// could read them. They are moved, and so keep their lines and values.
function stackPanels() {
  for (const chart of charts) {
    const layers = [...chart.querySelectorAll("[data-layer]")];
    const panels = [...new Set(layers.map((layer) => layer.parentNode))];
    if (panels.length < 2) continue;
    chart.dataset.whole ??= chart.getAttribute("viewBox");
    chart.setAttribute("viewBox", chart.dataset.whole);
    for (const panel of panels) panel.removeAttribute("transform");
    if (!narrow.matches) continue;
    const boxes = panels.map((panel) => panel.getBBox());
    let top = 0;
    panels.forEach((panel, n) => {
      const { x, y, height } = boxes[n];
      panel.setAttribute("transform", `translate(${4 - x},${top - y})`);
      top += height + 14;
    });
    const width = Math.max(...boxes.map((box) => box.width));
    chart.setAttribute("viewBox", `0 0 ${width + 8} ${top}`);
  }
}
