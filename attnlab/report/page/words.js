// The words looked at: their links in the pictures, and their weights as numbers.

let selected = null; // {t, s}: a target word, a source word, or both

function weightAt({ source, weights }, t, s) {
  return weights[t * source.length + s] / 255;
}

// The links of a word, the heaviest first: [other word's number, weight].
function linksOf(aligned, { t, s }) {
  const count = t === undefined ? aligned.target.length : aligned.source.length;
  const links = Array.from({ length: count }, (_, n) => [
    n,
    t === undefined ? weightAt(aligned, n, s) : weightAt(aligned, t, n),
  ]);
  return links.filter(([, weight]) => weight >= 0.01).sort((a, b) => b[1] - a[1]);
}

function goldOf(aligned, { t, s }) {
  const of = (links) =>
    links
      .filter(([row, column]) => (t === undefined ? column === s : row === t))
      .map(([row, column]) => (t === undefined ? row : column));
  return { sure: of(aligned.sure), possible: of(aligned.possible) };
}

function select(word) {
  selected = word;
  if (!current) return;
  for (const map of current.maps) highlight(map, word);
  drawReadout(word);
}

function highlight(map, word) {
  const { sizes, colors } = current;
  const { cell, across, down } = sizes;
  map.over.replaceChildren();
  const linked = word ? linksOf(map.aligned, word) : [];
  const near = word
    ? new Set([
        ...linked.filter(([, weight]) => weight >= 0.1).map(([n]) => n),
        ...Object.values(goldOf(map.aligned, word)).flat(),
      ])
    : new Set();
  const byTarget = word?.t !== undefined;
  for (const [kind, labels] of Object.entries(map.words))
    labels.forEach((label, n) => {
      const self = word && (kind === "target" ? word.t === n : word.s === n);
      const other = word && (kind === "source") === byTarget && near.has(n);
      label.setAttribute("font-weight", self || other ? 700 : 400);
      label.setAttribute(
        "fill",
        self ? colors.band : !word || other ? colors.ink : colors.faint,
      );
    });
  if (!word) return;
  const edge = { fill: "none", stroke: colors.band, "stroke-width": 2.2 };
  if (byTarget)
    map.over.append(
      svg("rect", {
        ...edge,
        x: -1,
        y: word.t * cell - 1,
        width: across * cell + 2,
        height: cell + 2,
      }),
    );
  if (word.s !== undefined)
    map.over.append(
      svg("rect", {
        ...edge,
        x: word.s * cell - 1,
        y: -1,
        width: cell + 2,
        height: down * cell + 2,
      }),
    );
  if (cell < 20) return;
  for (const [n, weight] of linked) {
    const [t, s] = byTarget ? [word.t, n] : [n, word.s];
    const dotted = map.aligned.samples?.[t] === s;
    if (dotted)
      map.over.append(
        svg("circle", {
          cx: (s + 0.5) * cell,
          cy: (t + 0.5) * cell,
          r: cell * 0.4,
          fill: colors.dot,
          stroke: colors.dotEdge,
        }),
      );
    map.over.append(
      svg(
        "text",
        {
          x: (s + 0.5) * cell,
          y: (t + 0.5) * cell + 3.5,
          "text-anchor": "middle",
          "font-size": 9.5,
          "font-weight": 600,
          stroke: dotted ? colors.dot : shade(255 * weight, colors),
          "stroke-width": 3,
          "paint-order": "stroke",
          fill: dotted ? colors.dotEdge : inkOn(weight, colors),
        },
        weight.toFixed(2).replace(/^0/, ""),
      ),
    );
  }
}

function drawReadout(word) {
  const box = byId("readout");
  const { source, target, sure, possible } = current.panels[0].aligned;
  if (!word) {
    box.replaceChildren(
      html(
        "p",
        { class: "muted hint" },
        "Point at a word or a cell, or walk the words with the arrow keys, to read weights. ",
        html("kbd", {}, "p"),
        " and ",
        html("kbd", {}, "n"),
        " go to the previous and next sentence.",
      ),
    );
    return;
  }
  const byTarget = word.t !== undefined;
  const [chosen, others] = byTarget ? [target[word.t], source] : [source[word.s], target];
  const gold = goldOf({ sure, possible }, word);
  const goldWords = [
    ["sure", gold.sure],
    ["possible", gold.possible],
  ]
    .filter(([, some]) => some.length)
    .map(([kind, some]) => `${kind}: ${some.map((n) => others[n]).join(", ")}`);
  const linked = sure.length || possible.length;
  const head = html(
    "p",
    {},
    html("b", {}, chosen),
    html("span", { class: "muted" }, byTarget ? ` looks at …` : " is looked at by …"),
    linked
      ? html(
          "span",
          { class: "gold" },
          goldWords.length ? `gold ${goldWords.join("; ")}` : "no gold link",
        )
      : null,
  );
  const lines = current.panels.map(({ row, aligned }) => {
    const chips = linksOf(aligned, word)
      .slice(0, 6)
      .map(([n, weight]) =>
        html(
          "span",
          {
            class: `weight${gold.sure.includes(n) || gold.possible.includes(n) ? " right" : ""}`,
          },
          others[n],
          " ",
          html("b", {}, weight.toFixed(2)),
        ),
      );
    const extra = [];
    if (byTarget && word.s !== undefined && weightAt(aligned, word.t, word.s) < 0.01)
      extra.push(`${source[word.s]} ${weightAt(aligned, word.t, word.s).toFixed(2)}`);
    if (byTarget && aligned.centres) {
      const window = windowOf(row, aligned, word.t);
      extra.push(
        `p_t ${aligned.centres[word.t].toFixed(1)}${window ? `, window ${window[0]}–${window[1] - 1}` : ""}`,
      );
    }
    if (byTarget && aligned.samples)
      extra.push(
        aligned.samples[word.t] < 0
          ? "drew nothing"
          : `drew ${source[aligned.samples[word.t]]}`,
      );
    return html(
      "div",
      { class: "answer", "data-answer": row.slug },
      html("span", { class: "who" }, mark(row), row.name),
      html(
        "span",
        {},
        chips.length
          ? chips
          : html("span", { class: "muted" }, "no weight of 0.01 or more"),
        extra.length ? html("span", { class: "muted extra" }, extra.join(" · ")) : null,
      ),
    );
  });
  box.replaceChildren(head, ...lines);
}
