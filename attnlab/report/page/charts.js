// Curves: SVG from matplotlib with values as titles; rows are turned on and off here.

const DRAWN = 8; // rows drawn at first
const hidden = new Set(); // slugs of rows turned off

const chartLines = [...byId("charts").querySelectorAll("[data-line]")];
const drawnNames = new Set(chartLines.map((line) => line.dataset.line));

function curveRows() {
  return report.rows.filter((row) => drawnNames.has(row.name) && passes(row));
}

function drawCharts() {
  if (!chartLines.length) return;
  byId("curves").hidden = false;
  const rows = curveRows();
  drawLegend(rows);
  const visible = new Set(
    rows.filter((row) => !hidden.has(row.slug)).map((row) => row.name),
  );
  for (const line of chartLines)
    line.setAttribute("display", visible.has(line.dataset.line) ? "inline" : "none");
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
