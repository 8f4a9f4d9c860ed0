// The list of sentences and its search: only what is in sight is in the page.

const ITEM = 46; // pixels of a sentence, as in page.css
let matches = []; // sentences that the search leaves

const sentenceSearch = html("input", {
  type: "search",
  placeholder: "Search words …",
  "aria-label": "Search the sentences",
  oninput: () => search(true),
});

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
  const { noun } = formNow();
  byId("matches").textContent = words.length
    ? `${plural(matches.length, noun)} found`
    : plural(all.length, noun);
  if (typed && matches.length && !matches.includes(state.sentence)) goTo(matches[0]);
  revealSentence();
  drawList(all);
}

function drawList(all) {
  const list = byId("list");
  const from = Math.max(0, Math.floor(list.scrollTop / ITEM) - 4);
  const to = Math.min(
    matches.length,
    Math.ceil((list.scrollTop + list.clientHeight) / ITEM) + 4,
  );
  const items = matches.slice(from, to).map((n, at) => {
    const { source, target } = all[n];
    const item = html(
      "div",
      {
        role: "option",
        id: `sentence-${n}`,
        class: "item",
        "aria-selected": n === state.sentence,
        "aria-setsize": matches.length,
        "aria-posinset": from + at + 1,
        onclick: () => goTo(n),
      },
      html("small", {}, n + 1),
      html("span", {}, target.join(" ")),
      html("span", { class: "muted" }, source.join(" ")),
    );
    item.style.setProperty("top", `${(from + at) * ITEM}px`);
    return item;
  });
  const room = html("div", { class: "room", role: "presentation" }, items);
  room.style.setProperty("height", `${matches.length * ITEM}px`);
  list.replaceChildren(room);
  if (items.some((item) => item.id === `sentence-${state.sentence}`))
    list.setAttribute("aria-activedescendant", `sentence-${state.sentence}`);
  else list.removeAttribute("aria-activedescendant");
}

function revealSentence() {
  const list = byId("list");
  const at = matches.indexOf(state.sentence) * ITEM;
  if (at < 0) return;
  if (at < list.scrollTop) list.scrollTop = at;
  else if (at + ITEM > list.scrollTop + list.clientHeight)
    list.scrollTop = at + ITEM - list.clientHeight;
}

async function refreshList() {
  const all = await sentencesOf(state.set).catch(() => null);
  if (all) drawList(all);
}

function goTo(sentence) {
  state.sentence = sentence;
  state.read = true;
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
  const move = {
    ArrowDown: 1,
    ArrowUp: -1,
    PageDown: page,
    PageUp: -page,
    Home: -Infinity,
    End: Infinity,
  }[event.key];
  if (!move) return;
  event.preventDefault();
  if (Number.isFinite(move)) step(move);
  else if (matches.length) goTo(matches.at(move < 0 ? 0 : -1));
}
