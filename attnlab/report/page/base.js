// The report's data, and elements made of text alone: nothing is ever read as HTML.

const report = JSON.parse(document.getElementById("report").textContent);
for (const row of report.rows)
  row.axes = Object.fromEntries(
    report.axes.map(({ name, choices }, n) => [name, choices[row.axes[n]][0]]),
  );
for (const run of report.rows.flatMap((row) => row.runs)) run.state ??= "finished";
const rowOf = new Map(report.rows.map((row) => [row.slug, row]));
const setOf = new Map(report.sets.map((set) => [set.key, set]));
const columnOf = new Map(report.columns.map((column) => [column.key, column]));

const byId = (id) => document.getElementById(id);

function make(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.startsWith("aria-"))
      value == null || element.setAttribute(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(3).filter((child) => child != null));
  return element;
}

function html(tag, attributes = {}, ...children) {
  return make(document.createElement(tag), attributes, children);
}

const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes = {}, ...children) {
  return make(document.createElementNS(SVG, tag), attributes, children);
}

function button(text, press, attributes = {}) {
  return html("button", { type: "button", onclick: press, ...attributes }, text);
}

function plural(count, noun, nouns = `${noun}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? noun : nouns}`;
}

const dark = window.matchMedia("screen and (prefers-color-scheme: dark)");
const paper = window.matchMedia("print");
let printing = false; // on paper colors are those of day

function isNight() {
  return dark.matches && !printing;
}

// Two of the rows' colors would drown in a dark page.
const LIGHTER = { "#222222": "#d8d8d8", "#882255": "#d0709a" };

function colorOf(row, night = isNight()) {
  return (night && LIGHTER[row.color]) || row.color;
}

const SHAPES = {
  o: "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0Z",
  s: "M-3.5,-3.5h7v7h-7Z",
  "^": "M0,-4.6L4.4,3.4H-4.4Z",
  v: "M0,4.6L4.4,-3.4H-4.4Z",
  D: "M0,-4.8L4.8,0L0,4.8L-4.8,0Z",
  "<": "M-4.6,0L3.4,-4.4V4.4Z",
  ">": "M4.6,0L-3.4,-4.4V4.4Z",
  h: "M-4.4,0L-2.2,-3.9H2.2L4.4,0L2.2,3.9H-2.2Z",
};

// A row's mark: the same color, shape and dashes wherever the row appears.
function mark(row) {
  return svg(
    "svg",
    {
      class: "mark",
      viewBox: "-12 -7 24 14",
      width: 24,
      height: 14,
      "aria-hidden": true,
    },
    svg("path", {
      d: "M-12,0H12",
      stroke: colorOf(row),
      "stroke-width": 2,
      "stroke-dasharray": row.dashes.map((dash) => 2 * dash).join(" ") || null,
    }),
    svg("path", { d: SHAPES[row.marker], fill: colorOf(row) }),
  );
}

function notice(lines) {
  const box = byId("notice");
  box.hidden = !lines.length;
  box.firstElementChild.textContent = lines.join(" ");
}
