// The alignment viewer: which variants, which sentence, and the words looked at.

const ITEM = 46; // pixels of a sentence in the list
let matches = []; // sentences that the search leaves
let current = null; // what drawPicture returned
let drawing = 0; // so that a slow sentence does not overtake a later one
let selected = null; // {t, s}: a target word, a source word, or both

const sentenceSearch = html("input", { type: "search", placeholder: "Search words …", "aria-label": "Search the sentences", oninput: () => search(true) });
const position = html("input", { type: "number", min: 1, class: "number", "aria-label": "Number of the sentence", onchange: () => {
  const count = setOf.get(state.set).count;
  goTo(Math.min(Math.max(1, Math.round(Number(position.value)) || 1), count) - 1);
} });

function havingSet() {
  return report.rows.filter((row) => row.sets.includes(state.set));
}

function chooseRow(row, shown) {
  if (!shown) state.rows = state.rows.filter((slug) => slug !== row.slug);
  else if (!row.sets.includes(state.set) || !state.rows.length) {
    if (!row.sets.includes(state.set)) setSet(row.sets[0]);
    state.rows = [row.slug];
  } else if (state.rows.length < MOST) state.rows.push(row.slug);
  else notice([`At most ${MOST} variants stand side by side: take one away first.`]);
  rowsChanged();
}

function rowsChanged() {
  drawTable();
  drawVariants();
  showSentence();
  updateLink();
}

function drawVariants() {
  const rows = havingSet();
  const focused = document.activeElement?.dataset?.slot;
  const slots = state.rows.map((slug, n) => {
    const chosen = html("select", { "aria-label": `Variant ${n + 1}`, "data-slot": n, onchange: (event) => {
      state.rows[n] = event.target.value;
      rowsChanged();
    } }, rows.filter((row) => row.slug === slug || !state.rows.includes(row.slug)).map((row) => html("option", { value: row.slug, selected: row.slug === slug }, row.name)));
    const remove = button("×", () => chooseRow(rowOf.get(slug), false), { class: "remove", "aria-label": `Take ${rowOf.get(slug).name} away`, "data-remove": n });
    return html("span", { class: "variant" }, mark(rowOf.get(slug)), chosen, remove);
  });
  const next = rows.find((row) => !state.rows.includes(row.slug));
  const add = next && state.rows.length < MOST ? button("+ add a variant", () => chooseRow(next, true), { class: "chip", id: "add" }) : null;
  byId("variants").replaceChildren(...slots, ...(add ? [add] : []));
  if (focused) byId("variants").querySelector(`[data-slot="${focused}"]`)?.focus();
}

function setSet(key) {
  state.set = key;
  state.sentence = 0;
  state.rows = state.rows.filter((slug) => rowOf.get(slug).sets.includes(key));
  if (!state.rows.length) state.rows = firstRows(key);
  drawChooser();
}

function drawChooser() {
  const choose = report.sets.length < 2 ? null : html("select", { "aria-label": "Set of sentences", id: "set", onchange: (event) => {
    setSet(event.target.value);
    search(false);
    rowsChanged();
  } }, report.sets.map((set) => html("option", { value: set.key, selected: set.key === state.set }, `${set.name} (${set.count})`)));
  byId("chooser").replaceChildren(...[choose, sentenceSearch].filter(Boolean));
  position.max = setOf.get(state.set).count;
}

// ---- the list of sentences: only what is in sight is in the page ----

async function search(typed) {
  const key = state.set;
  const all = await sentencesOf(key).catch(() => null); // the picture says what is wrong
  if (!all || key !== state.set) return;
  const words = sentenceSearch.value.toLowerCase().split(/\s+/).filter(Boolean);
  matches = [];
  all.forEach(({ source, target }, n) => {
    const text = `${target.join(" ")}\n${source.join(" ")}`.toLowerCase();
    if (words.every((word) => text.includes(word))) matches.push(n);
  });
  byId("found").textContent = words.length ? `${plural(matches.length, "sentence")} found` : plural(all.length, "sentence");
  if (typed && matches.length && !matches.includes(state.sentence)) goTo(matches[0]);
  revealSentence();
  drawList(all);
}

function drawList(all) {
  const list = byId("list");
  const from = Math.max(0, Math.floor(list.scrollTop / ITEM) - 4);
  const to = Math.min(matches.length, Math.ceil((list.scrollTop + list.clientHeight) / ITEM) + 4);
  const items = matches.slice(from, to).map((n, at) => {
    const { source, target } = all[n];
    const item = html("div", { role: "option", id: `sentence-${n}`, class: "item", "aria-selected": n === state.sentence, "aria-setsize": matches.length, "aria-posinset": from + at + 1, onclick: () => goTo(n) },
      html("small", {}, n + 1), html("span", {}, target.join(" ")), html("span", { class: "muted" }, source.join(" ")));
    item.style.setProperty("top", `${(from + at) * ITEM}px`);
    return item;
  });
  const room = html("div", { class: "room", role: "presentation" }, items);
  room.style.setProperty("height", `${matches.length * ITEM}px`);
  list.replaceChildren(room);
  if (items.some((item) => item.id === `sentence-${state.sentence}`)) list.setAttribute("aria-activedescendant", `sentence-${state.sentence}`);
  else list.removeAttribute("aria-activedescendant");
}

function revealSentence() {
  const list = byId("list");
  const at = matches.indexOf(state.sentence) * ITEM;
  if (at < 0) return;
  if (at < list.scrollTop) list.scrollTop = at;
  else if (at + ITEM > list.scrollTop + list.clientHeight) list.scrollTop = at + ITEM - list.clientHeight;
}

async function refreshList() {
  const all = await sentencesOf(state.set).catch(() => null);
  if (all) drawList(all);
}

function goTo(sentence) {
  state.sentence = sentence;
  selected = null;
  showSentence();
  updateLink();
  revealSentence();
  refreshList();
}

// The next of those that the search leaves.
function step(by) {
  const at = matches.indexOf(state.sentence);
  const next = at < 0 ? 0 : Math.min(Math.max(0, at + by), matches.length - 1);
  if (matches.length) goTo(matches[next]);
}

function listKeys(event) {
  const page = Math.max(1, Math.floor(byId("list").clientHeight / ITEM) - 1);
  const move = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
  if (!move) return;
  event.preventDefault();
  if (Number.isFinite(move)) step(move);
  else if (matches.length) goTo(matches.at(move < 0 ? 0 : -1));
}

// ---- the picture ----

async function panelsNow() {
  return Promise.all(state.rows.map(async (slug) => ({ row: rowOf.get(slug), aligned: await alignmentOf(state.set, slug, state.sentence) })));
}

async function showSentence() {
  const mine = ++drawing;
  position.value = state.sentence + 1;
  if (!state.rows.length) {
    current = null;
    byId("picture").replaceChildren(html("p", { class: "note" }, "No variant is chosen: tick one in the table, or add one above."));
    byId("readout").replaceChildren();
    return;
  }
  let panels;
  try {
    panels = await panelsNow();
  } catch (problem) {
    if (mine !== drawing) return;
    current = null;
    byId("readout").replaceChildren();
    byId("picture").replaceChildren(html("p", { class: "note", role: "alert" }, problem.message));
    return;
  }
  if (mine === drawing) showPanels(panels);
}

function showPanels(panels) {
  const box = byId("picture");
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.word : null;
  const width = Math.max(260, byId("stage").clientWidth - 2);
  current = { panels, ...drawPicture(panels, width, dark.matches ? NIGHT : DAY, true) };
  box.replaceChildren(current.svg);
  box.dataset.shown = `${state.set}/${state.sentence + 1}`;
  current.svg.addEventListener("pointermove", pointed);
  current.svg.addEventListener("pointerleave", () => box.contains(document.activeElement) || select(null));
  current.svg.addEventListener("keydown", walk);
  current.svg.addEventListener("focusin", (event) => {
    const word = wordOf(event.target);
    if (word) select(word);
  });
  const start = (focused && box.querySelector(`[data-word="${focused}"]`)) || box.querySelector(".word");
  start?.setAttribute("tabindex", 0);
  select(selected && fits(selected) ? selected : null);
  if (focused) start?.focus({ preventScroll: true });
}

function fits({ t, s }) {
  const { source, target } = current.panels[0].aligned;
  return (t ?? 0) < target.length && (s ?? 0) < source.length;
}

function wordOf(element) {
  const [kind, n] = element.closest?.("[data-word]")?.dataset.word.split("-") ?? [];
  return kind === "target" ? { t: Number(n) } : kind === "source" ? { s: Number(n) } : null;
}

function pointed(event) {
  const word = wordOf(event.target);
  if (word) return select(word);
  const { sizes, maps } = current;
  const box = current.svg.getBoundingClientRect();
  const x = event.clientX - box.left, y = event.clientY - box.top;
  for (const { place } of maps) {
    const s = Math.floor((x - place.x) / sizes.cell), t = Math.floor((y - place.y) / sizes.cell);
    if (s >= 0 && s < sizes.across && t >= 0 && t < sizes.down) return select({ t, s });
  }
  select(null);
}

// Up and down walk the target words, left and right the source words.
function walk(event) {
  const { source, target } = current.panels[0].aligned;
  const here = wordOf(document.activeElement) ?? {};
  const [kind, count, by] = { ArrowUp: ["target", target.length, -1], ArrowDown: ["target", target.length, 1], ArrowLeft: ["source", source.length, -1], ArrowRight: ["source", source.length, 1] }[event.key] ?? [];
  if (event.key === "Escape") select(null);
  if (!kind || !count) return;
  event.preventDefault();
  const at = kind === "target" ? here.t : here.s;
  const next = at === undefined ? 0 : Math.min(Math.max(0, at + by), count - 1);
  for (const word of current.svg.querySelectorAll(".word")) word.setAttribute("tabindex", -1);
  const word = current.svg.querySelector(`.word[data-word="${kind}-${next}"]`);
  word.setAttribute("tabindex", 0);
  word.focus();
}

// ---- the words looked at ----

function weightAt({ source, weights }, t, s) {
  return weights[t * source.length + s] / 255;
}

// The links of a word, the heaviest first: [other word's number, weight].
function linksOf(aligned, { t, s }) {
  const count = t === undefined ? aligned.target.length : aligned.source.length;
  const found = Array.from({ length: count }, (_, n) => [n, t === undefined ? weightAt(aligned, n, s) : weightAt(aligned, t, n)]);
  return found.filter(([, weight]) => weight >= 0.01).sort((a, b) => b[1] - a[1]);
}

function goldOf(aligned, { t, s }) {
  const of = (links) => links.filter(([row, column]) => (t === undefined ? column === s : row === t)).map(([row, column]) => (t === undefined ? row : column));
  return { sure: of(aligned.sure), possible: of(aligned.possible) };
}

function select(word) {
  selected = word;
  if (!current) return;
  for (const map of current.maps) highlight(map, word);
  drawReadout(word);
}

function highlight(map, word) {
  const { sizes, colours } = current;
  const { cell, across, down } = sizes;
  map.over.replaceChildren();
  const linked = word ? linksOf(map.aligned, word) : [];
  const near = word ? new Set([...linked.filter(([, weight]) => weight >= 0.1).map(([n]) => n), ...Object.values(goldOf(map.aligned, word)).flat()]) : new Set();
  const byTarget = word?.t !== undefined;
  for (const [kind, labels] of Object.entries(map.words))
    labels.forEach((label, n) => {
      const self = word && (kind === "target" ? word.t === n : word.s === n);
      const other = word && (kind === "source") === byTarget && near.has(n);
      label.setAttribute("font-weight", self || other ? 700 : 400);
      label.setAttribute("fill", self ? colours.band : !word || other ? colours.ink : colours.faint);
    });
  if (!word) return;
  const edge = { fill: "none", stroke: colours.band, "stroke-width": 2.2 };
  if (byTarget) map.over.append(svg("rect", { ...edge, x: -1, y: word.t * cell - 1, width: across * cell + 2, height: cell + 2 }));
  if (word.s !== undefined) map.over.append(svg("rect", { ...edge, x: word.s * cell - 1, y: -1, width: cell + 2, height: down * cell + 2 }));
  if (cell < 20) return;
  for (const [n, weight] of linked) {
    const [t, s] = byTarget ? [word.t, n] : [n, word.s];
    const dotted = map.aligned.samples?.[t] === s;
    if (dotted) map.over.append(svg("circle", { cx: (s + 0.5) * cell, cy: (t + 0.5) * cell, r: cell * 0.4, fill: colours.dot, stroke: colours.dotEdge }));
    const light = weight > 0.45;
    map.over.append(svg("text", { x: (s + 0.5) * cell, y: (t + 0.5) * cell + 3.5, "text-anchor": "middle", "font-size": 9.5, "font-weight": 600, stroke: dotted ? colours.dot : shade(255 * weight, colours), "stroke-width": 3, "paint-order": "stroke", fill: dotted ? colours.dotEdge : light ? colours.paper : colours.ink }, weight.toFixed(2).replace(/^0/, "")));
  }
}

function drawReadout(word) {
  const box = byId("readout");
  const { source, target, sure, possible } = current.panels[0].aligned;
  if (!word) {
    box.replaceChildren(html("p", { class: "muted" }, "Point at a word or a cell, or walk the words with the arrow keys, to read weights. ", html("kbd", {}, "p"), " and ", html("kbd", {}, "n"), " go to the previous and next sentence."));
    return;
  }
  const byTarget = word.t !== undefined;
  const [own, others] = byTarget ? [target[word.t], source] : [source[word.s], target];
  const gold = goldOf({ sure, possible }, word);
  const told = [["sure", gold.sure], ["possible", gold.possible]].filter(([, some]) => some.length).map(([kind, some]) => `${kind}: ${some.map((n) => others[n]).join(", ")}`);
  const linked = sure.length || possible.length;
  const head = html("p", {}, html("b", {}, own), html("span", { class: "muted" }, byTarget ? ` looks at …` : " is looked at by …"), linked ? html("span", { class: "gold" }, told.length ? `gold ${told.join("; ")}` : "no gold link") : null);
  const lines = current.panels.map(({ row, aligned }) => {
    const chips = linksOf(aligned, word).slice(0, 6).map(([n, weight]) =>
      html("span", { class: `weight${gold.sure.includes(n) || gold.possible.includes(n) ? " right" : ""}` }, others[n], " ", html("b", {}, weight.toFixed(2))));
    const extra = [];
    if (byTarget && word.s !== undefined && weightAt(aligned, word.t, word.s) < 0.01) extra.push(`${source[word.s]} ${weightAt(aligned, word.t, word.s).toFixed(2)}`);
    if (byTarget && aligned.centres) {
      const window = windowOf(row, aligned, word.t);
      extra.push(`p_t ${aligned.centres[word.t].toFixed(1)}${window ? `, window ${window[0]}–${window[1] - 1}` : ""}`);
    }
    if (byTarget && aligned.samples) extra.push(aligned.samples[word.t] < 0 ? "drew nothing" : `drew ${source[aligned.samples[word.t]]}`);
    return html("div", { class: "answer", "data-answer": row.slug }, html("span", { class: "who" }, mark(row), row.name), html("span", {}, chips.length ? chips : html("span", { class: "muted" }, "no weight of 0.01 or more"), extra.length ? html("span", { class: "muted extra" }, extra.join(" · ")) : null));
  });
  box.replaceChildren(head, ...lines);
}

// ---- export ----

function fileName(ending) {
  return `${[...state.rows, state.set, "sentence", state.sentence + 1].join("_").replace(/[^\p{L}\p{N}._-]+/gu, "-")}.${ending}`;
}

// The picture on white paper, whatever the page's colours, as the text of an SVG file.
function pictureFile() {
  const { svg: picture } = drawPicture(current.panels, Math.max(current.sizes.width, 640), DAY, false);
  return { text: new XMLSerializer().serializeToString(picture), width: Number(picture.getAttribute("width")), height: Number(picture.getAttribute("height")) };
}

function download(blob, name) {
  const address = URL.createObjectURL(blob);
  html("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

function saveSvg() {
  if (current) download(new Blob([pictureFile().text], { type: "image/svg+xml" }), fileName("svg"));
}

async function savePng() {
  if (!current) return;
  const { text, width, height } = pictureFile();
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const grain = Math.min(2, 8000 / width, 8000 / height);
  const canvas = html("canvas", { width: Math.round(grain * width), height: Math.round(grain * height) });
  const pen = canvas.getContext("2d");
  pen.scale(grain, grain);
  pen.drawImage(image, 0, 0, width, height);
  canvas.toBlob((blob) => download(blob, fileName("png")), "image/png");
}

function drawBar() {
  byId("bar").replaceChildren(
    button("‹", () => step(-1), { id: "previous", "aria-label": "Previous sentence", title: "previous (p)" }),
    html("label", {}, "sentence ", position, html("span", { class: "muted" }, ` of ${setOf.get(state.set).count}`)),
    button("›", () => step(1), { id: "next", "aria-label": "Next sentence", title: "next (n)" }),
    html("span", { class: "space" }),
    button("copy link", async (event) => {
      history.replaceState(null, "", toLink());
      const done = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
      event.target.textContent = done ? "copied" : "copy it from the address bar";
      setTimeout(() => (event.target.textContent = "copy link"), 2500);
    }, { class: "plain" }),
    button("SVG", saveSvg, { class: "plain", id: "save-svg", title: "Save the picture as SVG" }),
    button("PNG", savePng, { class: "plain", id: "save-png", title: "Save the picture as PNG" }),
  );
}

function drawViewer() {
  if (state.set === null) return;
  byId("viewer").hidden = false;
  drawVariants();
  drawChooser();
  drawBar();
  showSentence();
  search(false);
}
