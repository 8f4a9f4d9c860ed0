// The alignment viewer: which variants, which sentence, and the words looked at.

let current = null; // what drawPicture returned
let drawing = 0; // so that a slow sentence does not overtake a later one

const position = html("input", {
  type: "number",
  min: 1,
  class: "number",
  "aria-label": "Number of the sentence",
  onchange: () => {
    const count = setOf.get(state.set).count;
    goTo(Math.min(Math.max(1, Math.round(Number(position.value)) || 1), count) - 1);
  },
});

function havingSet() {
  return report.rows.filter((row) => state.set in row.sets);
}

function chooseRow(row, shown) {
  if (!shown) state.rows = state.rows.filter((slug) => slug !== row.slug);
  else if (!(state.set in row.sets) || !state.rows.length) {
    if (!(state.set in row.sets)) setSet(Object.keys(row.sets)[0]);
    state.rows = [row.slug];
  } else if (state.rows.length < MOST) state.rows.push(row.slug);
  else notice([`At most ${MOST} variants stand side by side: take one away first.`]);
  rowsChanged();
}

function rowsChanged() {
  state.read = true;
  drawTable();
  drawVariants();
  showSentence();
  updateLink();
}

function drawVariants() {
  const rows = havingSet();
  const { slot, seed } = document.activeElement?.dataset ?? {};
  const slots = state.rows.map((slug, n) => {
    const chosen = html(
      "select",
      {
        "aria-label": `Variant ${n + 1}`,
        "data-slot": n,
        onchange: (event) => {
          state.rows[n] = event.target.value;
          rowsChanged();
        },
      },
      rows
        .filter((row) => row.slug === slug || !state.rows.includes(row.slug))
        .map((row) =>
          html("option", { value: row.slug, selected: row.slug === slug }, row.name),
        ),
    );
    const seeds = html(
      "select",
      {
        "aria-label": `Seed of ${rowOf.get(slug).name}`,
        title: "which of its training runs, by the seed of their random numbers",
        "data-seed": n,
        class: "seeds",
        onchange: (event) => {
          state.seeds.set(slug, Number(event.target.value));
          rowsChanged();
        },
      },
      seedsOf(slug).map((seed) =>
        html("option", { value: seed, selected: seed === seedOf(slug) }, `seed ${seed}`),
      ),
    );
    const remove = button("×", () => chooseRow(rowOf.get(slug), false), {
      class: "remove",
      "aria-label": `Take ${rowOf.get(slug).name} away`,
      "data-remove": n,
    });
    return html(
      "span",
      { class: "variant" },
      mark(rowOf.get(slug)),
      chosen,
      seedsOf(slug).length > 1 ? seeds : null,
      remove,
    );
  });
  const next = rows.find((row) => !state.rows.includes(row.slug));
  const add =
    next && state.rows.length < MOST
      ? button("+ add a variant", () => chooseRow(next, true), {
          class: "chip",
          id: "add",
        })
      : null;
  byId("variants").replaceChildren(...slots, ...(add ? [add] : []));
  const focused = slot ? `[data-slot="${slot}"]` : seed && `[data-seed="${seed}"]`;
  if (focused) byId("variants").querySelector(focused)?.focus();
}

function setSet(key) {
  state.set = key;
  state.sentence = 0;
  state.rows = state.rows.filter((slug) => key in rowOf.get(slug).sets);
  if (!state.rows.length) state.rows = firstRows(key);
  matches = [];
  drawChooser();
  drawBar();
  search(false);
}

function drawChooser() {
  const choose =
    report.sets.length < 2
      ? null
      : html(
          "select",
          {
            "aria-label": "Set of sentences",
            id: "set",
            onchange: (event) => {
              setSet(event.target.value);
              rowsChanged();
            },
          },
          report.sets.map((set) =>
            html(
              "option",
              { value: set.key, selected: set.key === state.set },
              `${set.name} (${set.count})`,
            ),
          ),
        );
  byId("chooser").replaceChildren(...[choose, sentenceSearch].filter(Boolean));
  position.max = setOf.get(state.set).count;
  byId("lead-day").textContent = formNow().day;
  byId("lead-night").textContent = formNow().night;
}

async function panelsNow() {
  return Promise.all(
    state.rows.map(async (slug) => ({
      row: rowOf.get(slug),
      seed: seedsOf(slug).length > 1 ? seedOf(slug) : null,
      aligned: await alignmentOf(state.set, slug, seedOf(slug), state.sentence),
    })),
  );
}

async function showSentence() {
  const mine = ++drawing;
  position.value = state.sentence + 1;
  if (!state.rows.length) {
    current = null;
    byId("picture").replaceChildren(
      html(
        "p",
        { class: "note" },
        "No variant is chosen: tick one in the table, or add one above.",
      ),
    );
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
    byId("picture").replaceChildren(
      html("p", { class: "note", role: "alert" }, problem.message),
    );
    return;
  }
  if (mine === drawing) showPanels(panels);
}

function showPanels(panels) {
  const box = byId("picture");
  const focused = box.contains(document.activeElement)
    ? document.activeElement.dataset.word
    : null;
  box.toggleAttribute("data-printed", printing);
  if (printing) return box.replaceChildren(...printedPictures(panels));
  const width = Math.max(260, byId("stage").clientWidth - 2);
  current = { panels, ...drawShown(panels, width, isNight() ? NIGHT : DAY, true) };
  box.replaceChildren(current.svg);
  box.dataset.shown = `${state.set}/${state.sentence + 1}`;
  if (!isMap()) return followSpots();
  current.svg.addEventListener("pointermove", pointed);
  current.svg.addEventListener(
    "pointerleave",
    () => box.contains(document.activeElement) || select(null),
  );
  current.svg.addEventListener("keydown", walk);
  current.svg.addEventListener("focusin", (event) => {
    const word = wordOf(event.target);
    if (word) select(word);
  });
  const start =
    (focused && box.querySelector(`[data-word="${focused}"]`)) ||
    box.querySelector(".word");
  start?.setAttribute("tabindex", 0);
  select(selected && fits(selected) ? selected : null);
  if (focused) start?.focus({ preventScroll: true });
}

function followSpots() {
  const picture = make(current.svg, { tabindex: 0 }, []);
  picture.addEventListener("pointermove", pointAtSpot);
  picture.addEventListener("keydown", walkSpots);
  showSpot(-1);
}

function fits({ t, s }) {
  const { source, target } = current.panels[0].aligned;
  return (t ?? 0) < target.length && (s ?? 0) < source.length;
}

function wordOf(element) {
  const [kind, n] = element.closest?.("[data-word]")?.dataset.word.split("-") ?? [];
  return kind === "target"
    ? { t: Number(n) }
    : kind === "source"
      ? { s: Number(n) }
      : null;
}

// Where in the picture the pointer is.
function placeOf(event) {
  const box = current.svg.getBoundingClientRect();
  const scale = current.svg.viewBox.baseVal.width / box.width; // long ones are shrunk
  return { x: scale * (event.clientX - box.left), y: scale * (event.clientY - box.top) };
}

function pointed(event) {
  const word = wordOf(event.target);
  if (word) return select(word);
  const { sizes, maps } = current;
  const { x, y } = placeOf(event);
  for (const { place } of maps) {
    const s = Math.floor((x - place.x) / sizes.cell),
      t = Math.floor((y - place.y) / sizes.cell);
    if (s >= 0 && s < sizes.across && t >= 0 && t < sizes.down) return select({ t, s });
  }
  select(null);
}

// Up and down walk the target words, left and right the source words.
function walk(event) {
  const { source, target } = current.panels[0].aligned;
  const here = wordOf(document.activeElement) ?? {};
  const [kind, count, by] =
    {
      ArrowUp: ["target", target.length, -1],
      ArrowDown: ["target", target.length, 1],
      ArrowLeft: ["source", source.length, -1],
      ArrowRight: ["source", source.length, 1],
    }[event.key] ?? [];
  if (event.key === "Escape") select(null);
  if (!kind || !count) return;
  event.preventDefault();
  const at = kind === "target" ? here.t : here.s;
  const next = at === undefined ? 0 : Math.min(Math.max(0, at + by), count - 1);
  for (const word of current.svg.querySelectorAll(".word"))
    word.setAttribute("tabindex", -1);
  const word = current.svg.querySelector(`.word[data-word="${kind}-${next}"]`);
  word.setAttribute("tabindex", 0);
  word.focus();
}

function drawBar() {
  byId("bar").replaceChildren(
    button("‹", () => step(-1), {
      id: "previous",
      "aria-label": `Previous ${formNow().noun}`,
      title: "previous (p)",
    }),
    html(
      "label",
      {},
      `${formNow().noun} `,
      position,
      html("span", { class: "muted" }, ` of ${setOf.get(state.set).count}`),
    ),
    button("›", () => step(1), {
      id: "next",
      "aria-label": `Next ${formNow().noun}`,
      title: "next (n)",
    }),
    html("span", { class: "space" }),
    button(
      "copy link",
      async (event) => {
        state.read = true;
        history.replaceState(null, "", toLink());
        const done = await navigator.clipboard?.writeText(location.href).then(
          () => true,
          () => false,
        );
        event.target.textContent = done ? "copied" : "copy it from the address bar";
        setTimeout(() => (event.target.textContent = "copy link"), 2500);
      },
      { class: "plain" },
    ),
    button("SVG", saveSvg, {
      class: "plain",
      id: "save-svg",
      title: "Save the picture as SVG",
    }),
    button("PDF", savePdf, {
      class: "plain",
      id: "save-pdf",
      title: "Print the picture alone: choose “Save as PDF”",
    }),
    button("PNG", savePng, {
      class: "plain",
      id: "save-png",
      title: "Save the picture as PNG",
    }),
  );
}

async function drawViewer() {
  if (state.set === null) return;
  byId("viewer").hidden = false;
  drawVariants();
  drawChooser();
  drawBar();
  await Promise.all([showSentence(), search(false)]);
}
