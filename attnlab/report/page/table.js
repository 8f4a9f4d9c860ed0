// The table of results: sorted by any column, filtered, its seeds unfolded on demand.

const unfolded = new Set();
let seeds = null; // {slug: [cells of a run]}, once a row has been unfolded

function sortValue(row, by) {
  if (by === ROWS) return report.rows.indexOf(row);
  if (by === "name") return row.name;
  return row.cells[by]?.mean ?? null;
}

// Rows without the number come last, whichever way the others go.
function sorted(rows) {
  const { by, down } = state.sort;
  const way = down ? -1 : 1;
  const compare = (a, b) => {
    const [first, second] = [sortValue(a, by), sortValue(b, by)];
    if (first === null || second === null)
      return (first === null) - (second === null);
    if (by === "name") return way * first.localeCompare(second, "en", { numeric: true });
    return way * (first - second);
  };
  return [...rows].sort(compare);
}

function visibleRows() {
  return sorted(report.rows.filter(passes));
}

// The best first, then the worst first, then the sweep's own order.
function press(by) {
  const first = (columnOf.get(by)?.better ?? 0) > 0;
  const { by: before, down } = state.sort;
  if (before !== by) state.sort = { by, down: first };
  else if (down === first) state.sort = { by, down: !first };
  else state.sort = { by: ROWS, down: false };
  drawTable();
  updateLink();
}

function heading(by, text, number) {
  const active = state.sort.by === by;
  const sort = active ? (state.sort.down ? "descending" : "ascending") : "none";
  const arrow = active ? (state.sort.down ? "▼" : "▲") : "↕";
  const meaning = new Map(report.meanings).get(text);
  return html(
    "th",
    {
      scope: "col",
      role: "columnheader",
      "aria-sort": sort,
      class: number ? "number" : "name",
      title: [meaning, "Press to sort."].filter(Boolean).join(" "),
    },
    // The button fills the cell, so that all of it sorts.
    button(
      [text, html("span", { class: "arrow", "aria-hidden": true }, arrow)],
      () => press(by),
      { "data-sort": by },
    ),
  );
}

// Roles and labels are said again: as cards on a narrow page it is no table to browsers.
function cell(row, column) {
  const number = row.cells[column.key];
  const said = { role: "cell", "data-label": column.title };
  if (!number) return html("td", { ...said, class: "number muted none" }, "—");
  const text = [number.text];
  if (number.mark) text.push(html("sup", {}, number.mark));
  const title = [
    plural(number.seeds ?? row.runs.length, "seed"),
    number.p_both != null ? `p = ${number.p_both} over seeds and sentences` : null,
    number.p != null ? `p = ${number.p} over sentences alone` : null,
  ];
  // One element, as a card puts label and number at its two ends.
  const inside = html(number.best ? "strong" : "span", {}, text);
  return html(
    "td",
    { ...said, class: "number", title: title.filter(Boolean).join(", ") },
    inside,
  );
}

function pick(row) {
  const inViewer = state.rows.includes(row.slug);
  const able = Object.keys(row.sets).length > 0;
  return html("input", {
    type: "checkbox",
    class: "pick",
    checked: inViewer,
    disabled: !able,
    "data-pick": row.slug,
    "aria-label": `Show the alignments of ${row.name}`,
    title: able ? "Show in the alignment viewer" : "No alignments",
    onchange: (event) => chooseRow(row, event.target.checked),
  });
}

function rowLines(row) {
  const open = unfolded.has(row.slug);
  const toggle = button(open ? "▾" : "▸", () => unfold(row), {
    class: "fold",
    "aria-expanded": open,
    "aria-label": `Seeds of ${row.name}`,
    "data-fold": row.slug,
  });
  const name = html(
    "th",
    { scope: "row", role: "rowheader", class: "name" },
    html("div", {}, toggle, mark(row), html("span", {}, row.name)),
  );
  const lines = [
    html(
      "tr",
      { role: "row", "data-row": row.slug },
      report.sets.length
        ? html("td", { role: "cell", class: "tick" }, pick(row))
        : null,
      name,
      report.columns.map((column) => cell(row, column)),
    ),
  ];
  row.runs.forEach((run, n) => {
    if (open || run.failure) lines.push(runLine(row, run, seeds?.[row.slug][n] ?? {}));
  });
  return lines;
}

function runLine(row, run, cells) {
  const first = report.sets.length ? html("td", { role: "cell", class: "tick" }) : null;
  const heading = { scope: "row", role: "rowheader", class: "name seed" };
  const name = html("th", heading, `seed ${run.seed}`);
  const attributes = { class: "run", role: "row", "data-run": `${row.slug}/${run.seed}` };
  if (run.state !== "finished") {
    const text = run.failure ?? run.state;
    const span = { role: "cell", colspan: report.columns.length };
    const wide = html("td", { ...span, class: `wide-cell ${run.state}` }, text);
    return html("tr", attributes, first, name, wide);
  }
  const numbers = report.columns.map((column) =>
    html(
      "td",
      { role: "cell", class: "number", "data-label": column.title },
      cells[column.key] ?? "—",
    ),
  );
  return html("tr", attributes, first, name, numbers);
}

async function unfold(row) {
  if (!unfolded.delete(row.slug)) unfolded.add(row.slug);
  await drawUnfolded();
}

async function unfoldAll(open) {
  unfolded.clear();
  if (open) for (const row of report.rows) unfolded.add(row.slug);
  await drawUnfolded();
}

// Without the numbers nothing is unfolded, and the page says why.
async function drawUnfolded() {
  if (unfolded.size)
    try {
      seeds ??= await load("seeds", "seeds.js");
    } catch (problem) {
      unfolded.clear();
      notice([problem.message]);
    }
  drawTable();
}

// The whole table anew, the focus where it was.
function drawTable() {
  const focused = document.activeElement?.dataset ?? {};
  const [kind] = ["sort", "fold", "pick"].filter((name) => name in focused);
  const rows = visibleRows();
  const table = byId("table");
  const view = { role: "cell", class: "tick muted", title: "in the alignment viewer" };
  const head = html(
    "tr",
    { role: "row" },
    report.sets.length ? html("td", view, "view") : null,
    heading("name", "row", false),
    report.columns.map((column) => heading(column.key, column.title, true)),
  );
  table.replaceChildren(
    html("thead", { role: "rowgroup" }, head),
    html("tbody", { role: "rowgroup" }, rows.flatMap(rowLines)),
  );
  if (kind)
    table
      .querySelector(`[data-${kind}="${CSS.escape(focused[kind])}"]`)
      ?.focus({ preventScroll: true });
  const all = report.rows.length;
  byId("shown").textContent =
    rows.length === all ? "" : `${rows.length} of ${plural(all, "row")} shown`;
}

function filterChanged() {
  drawTable();
  drawFilters();
  drawCharts();
  updateLink();
}

function toggleFilter(axis, choice) {
  if (!state.filters.get(axis)?.delete(choice)) addFilter(axis, choice);
  filterChanged();
}

const MANY = 10; // choices of a setting, of which more are chosen from a list
const SHOWN_AXES = 6; // settings in sight; the rest are folded
let moreOpen = false;

function chipsOf({ name, choices }) {
  const chips = choices.map(([choice, count]) =>
    button(
      [choice, html("small", {}, ` ${count}`)],
      () => toggleFilter(name, choice),
      {
        class: "chip",
        "aria-pressed": Boolean(state.filters.get(name)?.has(choice)),
        "data-filter": `${name}:${choice}`,
      },
    ),
  );
  const group = { class: "axis", role: "group", "aria-label": name };
  return html("div", group, html("span", { class: "muted" }, name), chips);
}

function choiceOf({ name, choices }) {
  const chosen = [...(state.filters.get(name) ?? [])];
  const option = (value, text, selected) => html("option", { value, selected }, text);
  const list = html(
    "select",
    {
      "data-filter": name,
      onchange: ({ target }) => {
        state.filters.delete(name);
        if (target.value) addFilter(name, choices[target.value][0]);
        filterChanged();
      },
    },
    option("", "any", !chosen.length),
    choices.map(([choice, count], n) =>
      option(n, `${choice} (${count})`, chosen.includes(choice)),
    ),
  );
  return html("label", { class: "axis" }, html("span", { class: "muted" }, name), list);
}

let searchBox = null;

function drawFilters() {
  const form = byId("filters");
  const focused = document.activeElement?.dataset?.filter;
  searchBox ??= html("input", {
    type: "search",
    placeholder: "Filter rows …",
    "aria-label": "Filter rows by text",
    oninput: (event) => {
      state.query = event.target.value;
      filterChanged();
    },
  });
  if (searchBox.value !== state.query) searchBox.value = state.query;
  const axes = report.axes.map((axis) =>
    axis.choices.length > MANY ? choiceOf(axis) : chipsOf(axis),
  );
  const rest = axes.slice(SHOWN_AXES);
  const hides = report.axes.slice(SHOWN_AXES);
  const chips = axes.slice(0, SHOWN_AXES);
  if (rest.length) {
    const open = moreOpen || hides.some(({ name }) => state.filters.get(name)?.size);
    const ontoggle = (event) => (moreOpen = event.target.open);
    const title = html("summary", {}, plural(rest.length, "more setting"));
    chips.push(html("details", { open, ontoggle, class: "more" }, title, rest));
  }
  const active = state.query || [...state.filters.values()].some((some) => some.size);
  const clear = () => {
    state.query = "";
    state.filters.clear();
    filterChanged();
    searchBox.focus();
  };
  const tools = html(
    "div",
    { class: "tools" },
    active ? button("clear filters", clear, { class: "plain" }) : null,
    button("unfold seeds", () => unfoldAll(true), { class: "plain", id: "unfold" }),
    button("fold", () => unfoldAll(false), { class: "plain", id: "fold" }),
  );
  if (searchBox.parentNode !== form) form.append(searchBox);
  while (form.lastChild !== searchBox) form.lastChild.remove();
  form.append(...chips, tools);
  if (focused) form.querySelector(`[data-filter="${CSS.escape(focused)}"]`)?.focus();
}

function drawNotes() {
  byId("meanings").append(
    ...report.meanings.flatMap(([term, text]) => [
      html("dt", {}, term),
      html("dd", {}, text),
    ]),
  );
  byId("notes").append(...report.notes.map((line) => html("p", {}, line)));
}
