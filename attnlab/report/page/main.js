// What happens when the page opens, its link changes, or a key is pressed.

function summary() {
  const runs = report.rows.flatMap((row) => row.runs);
  const of = (kind) => runs.filter((run) => run.state === kind).length;
  const parts = [
    plural(report.rows.length, "row"),
    `${plural(of("finished"), "run")} finished`,
  ];
  if (of("failed")) parts.push(`${of("failed")} failed`);
  if (of("unfinished")) parts.push(`${of("unfinished")} unfinished`);
  for (const set of report.sets.slice(0, 3))
    parts.push(
      set.form === "map"
        ? `${plural(set.count, "aligned sentence")} (${set.name})`
        : plural(set.count, FORMS[set.form].noun),
    );
  return parts.join(" · ");
}

function drawSections() {
  const visible = [...document.querySelectorAll("main > section:not([hidden])")];
  byId("sections").replaceChildren(
    ...visible.map((section) =>
      button(
        section.querySelector("h2").textContent,
        () => section.scrollIntoView({ behavior: "smooth" }),
        { class: "plain" },
      ),
    ),
  );
}

// The address of a file beside the page; a folder's name may hold # or %.
function address(file) {
  return file.split("/").map(encodeURIComponent).join("/");
}

function drawFigures() {
  if (!report.figures.length) return;
  byId("figures").hidden = false;
  byId("gallery").append(
    ...report.figures.map(({ file, caption }) =>
      html(
        "figure",
        {},
        html(
          "a",
          { href: address(file) },
          html("img", { src: address(file), alt: caption, loading: "lazy" }),
        ),
        html("figcaption", { class: "muted" }, caption),
      ),
    ),
  );
}

async function restore() {
  notice(fromLink(location.hash));
  drawFilters();
  drawTable();
  await Promise.all([drawCharts(), drawViewer()]);
}

// Opens at the sentence that the link names. A page that is loaded again stays where the
// reader was, which browsers see to.
async function open() {
  const [how] = performance.getEntriesByType("navigation");
  const scrolls = how?.type !== "reload" && how?.type !== "back_forward";
  const done = restore();
  drawSections();
  if (!state.read || state.set === null || !scrolls) return done;
  byId("viewer").scrollIntoView();
  await done; // lines of curves and the picture have come, and may have moved it
  byId("viewer").scrollIntoView();
  revealSentence();
}

async function followed() {
  await restore();
  if (state.read && state.set !== null) byId("viewer").scrollIntoView();
}

function keys(event) {
  const typing = event.target.closest?.("input, select, textarea");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || state.set === null)
    return;
  if (event.key === "n") step(1);
  else if (event.key === "p") step(-1);
  else if (event.key === "/") sentenceSearch.focus();
  else return;
  event.preventDefault();
}

// Before printing everything is drawn anew for the paper, and back afterwards.
function print(on) {
  if (printing === on) return;
  printing = on;
  recolor();
}

function recolor() {
  drawTable();
  drawCharts();
  if (state.set === null) return;
  drawVariants();
  if (current) showPanels(current.panels);
}

let resizing = null;

function resized() {
  clearTimeout(resizing);
  resizing = setTimeout(() => current && showPanels(current.panels), 100);
}

byId("title").textContent = report.title;
byId("summary").textContent = summary();
byId("notice").lastElementChild.addEventListener("click", () => notice([]));
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("list").addEventListener("keydown", listKeys);
byId("list").addEventListener("scroll", refreshList);
document.querySelector("[data-jump]").addEventListener("click", (event) => {
  event.preventDefault(); // the part after # is the link's
  byId("viewer").scrollIntoView();
  byId("viewer").focus();
});
document.addEventListener("keydown", keys);
window.addEventListener("hashchange", followed);
window.addEventListener("resize", resized);
dark.addEventListener("change", recolor);
narrow.addEventListener("change", stackPanels);
paper.addEventListener("change", (event) => print(event.matches));
window.addEventListener("beforeprint", () => print(true));
window.addEventListener("afterprint", () => {
  pdfSaved();
  print(false);
});
for (const row of curveRows().slice(DRAWN)) hidden.add(row.slug);
drawNotes();
drawFigures();
open();
