// What the page shows, and the same as the link's part after #, which can be shared:
// #row=global-dot&row=local-p&seed=local-p:2&set=test&sentence=12&sort=bleu
// &filter=window:local-p&q=dot

const MOST = 4; // variants side by side
const ROWS = "rows"; // the name of the sweep's own order

const state = {
  rows: [], // slugs in the viewer
  seeds: new Map(), // slug -> the seed that is shown, where it is not the row's first
  set: null, // key of a set
  sentence: 0, // counted from 0; from 1 in the link
  sort: { by: ROWS, down: false },
  filters: new Map(), // axis -> Set of choices
  query: "",
  read: false, // whether rows and sentence were chosen, and so belong into the link
};

// Of each window, read and learning the best row, at most three: those differ to see.
function firstRows(key) {
  const having = report.rows.filter((row) => key in row.sets);
  const by = columnOf.get("aer") ?? report.columns.find((column) => column.better);
  const rank = (row) =>
    by && row.cells[by.key] ? -by.better * row.cells[by.key].mean : Infinity;
  const best = new Map();
  for (const row of having) {
    const kind = ["window", "read", "learning"].map((axis) => row.axes[axis]).join();
    if (!best.has(kind) || rank(row) < rank(best.get(kind))) best.set(kind, row);
  }
  const chosen = [...new Set([...best.values(), ...having])].slice(
    0,
    Math.min(3, Math.max(2, best.size)),
  );
  return having.filter((row) => chosen.includes(row)).map((row) => row.slug);
}

// The state that a link asks for, and a line on whatever of it cannot be had.
function fromLink(hash) {
  const asked = new URLSearchParams(hash.replace(/^#/, ""));
  const lines = [];
  const slugs = [...new Set(asked.getAll("row"))];
  const present = slugs.filter((slug) => rowOf.has(slug));
  const unknown = slugs.filter((slug) => !rowOf.has(slug));
  if (unknown.length)
    lines.push(
      `The link asks for ${plural(unknown.length, "row")} that this report does not have: ${unknown.join(", ")}.`,
    );
  if (present.length > MOST)
    lines.push(`The link asks for ${present.length} rows; the first ${MOST} are shown.`);

  let set = asked.get("set");
  if (set !== null && !setOf.has(set)) {
    lines.push(
      `The link asks for the set “${set}”; this report has ${[...setOf.keys()].join(", ") || "none"}.`,
    );
    set = null;
  }
  const withSets = present.find((slug) => Object.keys(rowOf.get(slug).sets).length);
  set ??= (withSets ? Object.keys(rowOf.get(withSets).sets)[0] : report.sets[0]?.key) ?? null;
  const having = present.filter((slug) => set in rowOf.get(slug).sets);
  const lacking = present.filter((slug) => !having.includes(slug));
  if (set !== null && lacking.length)
    lines.push(
      `No alignments of the set “${setOf.get(set).name}”: ${lacking.map((slug) => rowOf.get(slug).name).join(", ")}.`,
    );
  state.set = set;
  state.rows = having.length || set === null ? having.slice(0, MOST) : firstRows(set);

  state.seeds = new Map();
  for (const wanted of asked.getAll("seed")) {
    const at = wanted.lastIndexOf(":");
    const slug = wanted.slice(0, at);
    const seeds = rowOf.get(slug)?.sets[set] ?? [];
    const seed = seeds.find((each) => String(each) === wanted.slice(at + 1));
    if (seed !== undefined) state.seeds.set(slug, seed);
    else
      lines.push(
        `The link asks for the seed “${wanted}”, which has no alignments here.`,
      );
  }
  state.read = ["row", "seed", "set", "sentence"].some((name) => asked.has(name));
  state.sentence = 0;
  if (asked.has("sentence") && set !== null) {
    const number = Number(asked.get("sentence"));
    const { count, name } = setOf.get(set);
    if (Number.isInteger(number) && number >= 1 && number <= count)
      state.sentence = number - 1;
    else
      lines.push(
        `The link asks for sentence “${asked.get("sentence")}”; the set “${name}” has 1 to ${count}.`,
      );
  }

  state.sort = { by: ROWS, down: false };
  if (asked.has("sort")) {
    const [by, way] = asked.get("sort").split(":");
    if (by === ROWS || by === "name" || columnOf.has(by))
      state.sort = { by, down: way === "down" };
    else lines.push(`The link sorts by “${by}”, which is no column here.`);
  }
  state.query = asked.get("q") ?? "";
  state.filters = new Map();
  for (const filter of asked.getAll("filter")) {
    const [name, ...rest] = filter.split(":");
    const choice = rest.join(":");
    const axis = report.axes.find((axis) => axis.name === name);
    if (axis?.choices.some(([other]) => other === choice)) addFilter(name, choice);
    else lines.push(`The link filters by “${filter}”, which no row here is.`);
  }
  return lines;
}

function addFilter(axis, choice) {
  if (!state.filters.has(axis)) state.filters.set(axis, new Set());
  state.filters.get(axis).add(choice);
}

function toLink() {
  const asked = new URLSearchParams();
  if (state.read) for (const slug of state.rows) asked.append("row", slug);
  if (state.read)
    for (const slug of state.rows)
      if (seedOf(slug) !== seedsOf(slug)[0])
        asked.append("seed", `${slug}:${seedOf(slug)}`);
  if (state.read && state.set !== null) {
    asked.set("set", state.set);
    asked.set("sentence", state.sentence + 1);
  }
  const { by, down } = state.sort;
  if (by !== ROWS || down) asked.set("sort", down ? `${by}:down` : by);
  for (const [axis, choices] of state.filters)
    for (const choice of choices) asked.append("filter", `${axis}:${choice}`);
  if (state.query) asked.set("q", state.query);
  return `#${asked}`;
}

// The seeds of a row that have the set, and which of them is shown.
function seedsOf(slug) {
  return rowOf.get(slug).sets[state.set] ?? [];
}

function seedOf(slug) {
  const seeds = seedsOf(slug);
  const chosen = state.seeds.get(slug);
  return seeds.includes(chosen) ? chosen : seeds[0];
}

let linkTimer = null;

// Not at every letter typed or sentence passed: browsers refuse hundreds a second.
function updateLink() {
  clearTimeout(linkTimer);
  linkTimer = setTimeout(() => history.replaceState(null, "", toLink()), 120);
}

function passes(row) {
  for (const [axis, choices] of state.filters)
    if (choices.size && !choices.has(row.axes[axis])) return false;
  const words = state.query.toLowerCase().split(/\s+/).filter(Boolean);
  const text = [row.name, ...Object.values(row.axes)].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}
