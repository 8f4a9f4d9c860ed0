// The forms in which examples are drawn, and what the drawings of all but maps share.

const FORMS = {
  map: {
    noun: "sentence",
    draw: (...all) => drawPicture(...all),
    day: "Who looks where: the darker a cell, the larger its weight.",
    night: "Who looks where: the brighter a cell, the larger its weight.",
  },
  story: {
    noun: "question",
    draw: (...all) => drawStories(...all),
    day: "What each hop looks at: the darker a cell, the larger its weight.",
    night: "What each hop looks at: the brighter a cell, the larger its weight.",
  },
  passage: {
    noun: "question",
    draw: (...all) => drawPassages(...all),
    day: "What the last look is at: the darker a word, the larger its weight.",
    night: "What the last look is at: the brighter a word, the larger its weight.",
  },
  sequence: {
    noun: "sequence",
    draw: (...all) => drawSequences(...all),
    day: "Step by step from left to right: the darker, the larger a number or weight.",
    night: "Step by step from left to right: the brighter, the larger a number or weight.",
  },
  pictures: {
    noun: "picture",
    draw: (...all) => drawCaptions(...all),
    day: "Where each word looks: the brighter a part of the picture, the larger its weight.",
    night:
      "Where each word looks: the brighter a part of the picture, the larger its weight.",
  },
};

function formNow() {
  return FORMS[setOf.get(state.set).form];
}

function drawShown(...all) {
  return formNow().draw(...all);
}

function isMap() {
  return formNow() === FORMS.map;
}

function unpacked(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

// As much of a text as fits.
function fitting(text, room, size) {
  if (widthOf(text, size) <= room) return text;
  const letters = [...text];
  while (letters.length > 1 && widthOf(`${letters.join("")}…`, size) > room) letters.pop();
  return `${letters.join("")}…`;
}

// Of ink and paper the one that is farther from the ground of a weight, a part of 1.
function inkOn(part, colors) {
  const light = (color) => {
    const [r, g, b] = color.map((each) => (each / 255) ** 2.2);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const parts = (color) =>
    [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  const ground = light(shade(255 * part, colors).match(/\d+/g).map(Number));
  const [ink, paper] = [colors.ink, colors.paper].map((color) => light(parts(color)));
  const contrast = (other) => Math.max(ground, other) / Math.min(ground, other);
  return contrast(ink) >= contrast(paper) ? colors.ink : colors.paper;
}

// A picture to draw into; `done` gives what `drawPicture` does, with `spots`: places that
// say something when they are pointed at, or walked to.
function startDrawing(width, colors) {
  const picture = svg("svg", { xmlns: SVG, "font-family": FONT, "font-size": 12.5 });
  const ground = svg("rect", { width: "100%", height: "100%", fill: colors.paper });
  picture.append(ground);
  const spots = [];
  let into = picture;
  let wide = width;
  const text = (x, y, words, attributes) => {
    const at = { x: x.toFixed(1), y: y.toFixed(1), fill: colors.ink };
    into.append(svg("text", { ...at, ...attributes }, words));
  };
  return {
    svg: picture,
    text,
    // The group of a row under its name, into which all is drawn from then on.
    map({ row, seed }, x, top, room) {
      into = svg("g", { "data-map": row.slug });
      picture.append(into);
      const color = colorOf(row, colors === NIGHT);
      const place = `translate(${x + 5},${top + 14})`;
      into.append(svg("path", { d: SHAPES[row.marker], fill: color, transform: place }));
      const about = seed === null ? "" : ` · seed ${seed}`;
      const name = fitting(row.name, Math.max(room - 20 - 8 * about.length, 60), 13);
      const heading = { "font-size": 13, "font-weight": 600 };
      text(x + 16, top + 18, name, heading);
      into.lastChild.append(svg("tspan", { fill: colors.faint, "font-weight": 400 }, about));
      wide = Math.max(wide, x + room);
      return into;
    },
    cell(x, y, width, height, weight, numbered) {
      const fill = shade(255 * weight, colors);
      into.append(svg("rect", { x, y, width, height, rx: 1.5, fill }));
      if (!numbered) return;
      text(x + width / 2, y + height / 2 + 3.5, weight.toFixed(2).replace(/^0/, ""), {
        "text-anchor": "middle",
        "font-size": 9.5,
        "font-weight": 600,
        fill: inkOn(weight, colors),
      });
    },
    answer(x, y, { said, right, probability }) {
      const sign = right === null ? "" : right ? " ✓" : " ✗";
      const p = probability === undefined ? "" : ` (p ${probability.toFixed(2)})`;
      const fill = right === false ? colors.bad : colors.ink;
      text(x, y, `→ ${said}${sign}${p}`, { fill, "data-right": `${right}` });
    },
    spot: (x, y, width, height, words) => spots.push({ x, y, width, height, words }),
    done(height, signs = { ramp: report.marks.weight }) {
      into = picture;
      const key = drawSigns(picture, signs, height, wide, colors);
      const over = svg("g", { "pointer-events": "none" });
      picture.append(over);
      const [w, h] = [Math.ceil(wide), Math.ceil(height + key)];
      const size = { width: w, height: h, viewBox: `0 0 ${w} ${h}`, role: "group" };
      make(picture, { ...size, "aria-label": "arrow keys walk over its parts" }, []);
      return { svg: picture, sizes: { width: w, columns: 1 }, spots, over, colors };
    },
  };
}

// What the shades and marks mean; the height that this takes.
function drawSigns(picture, { ramp, underlined, outside, drawn }, top, width, colors) {
  let y = top;
  const group = svg("g", { "font-size": 11.5, fill: colors.faint, "data-signs": true });
  let x = 0;
  const add = (sign, wide, words) => {
    const long = wide + 6 + widthOf(words, 11.5) + 16;
    if (x && x + long > width) [x, y] = [0, y + 18];
    const place = { transform: `translate(${x},${y + 2})` };
    group.append(make(sign, place, []), svg("text", { x: x + wide + 6, y: y + 12 }, words));
    x += long;
  };
  if (ramp)
    add(
      svg(
        "g",
        { "data-key": "weight" },
        Array.from({ length: 12 }, (_, n) =>
          svg("rect", {
            x: 5 * n,
            width: 5.3,
            height: 12,
            fill: shade((255 * n) / 11, colors),
          }),
        ),
      ),
      60,
      ramp,
    );
  const box = { width: 12, height: 12 };
  if (underlined) {
    const line = svg("path", { d: "M0,11h14", stroke: GOLD, "stroke-width": 1.6 });
    add(svg("g", {}, line), 14, underlined);
  }
  if (outside) add(svg("g", {}, svg("rect", { ...box, fill: colors.outside })), 12, outside);
  if (drawn) {
    const look = { ...box, fill: "none", stroke: GOLD, "stroke-width": 2 };
    add(svg("g", {}, svg("rect", look)), 12, drawn);
  }
  picture.append(group);
  return y - top + (x ? 22 : 4);
}

let spotNow = -1;

function showSpot(number) {
  const { spots, over, colors } = current;
  spotNow = number;
  over.replaceChildren();
  const spot = spots[number];
  if (!spot) return spotHint();
  const { x, y, width, height, words } = spot;
  const edge = { fill: "none", stroke: colors.band, "stroke-width": 2.2 };
  over.append(svg("rect", { x, y, width, height, ...edge }));
  byId("readout").replaceChildren(
    html("p", {}, html("span", { class: "muted" }, words[0]), html("b", {}, words[1])),
  );
}

function spotHint() {
  byId("readout").replaceChildren(
    html(
      "p",
      { class: "muted hint" },
      "Point at a part of the picture, or walk with the arrow keys, to read its weights. ",
      html("kbd", {}, "p"),
      " and ",
      html("kbd", {}, "n"),
      ` go to the previous and next ${formNow().noun}.`,
    ),
  );
}

function pointAtSpot(event) {
  const { x, y } = placeOf(event);
  showSpot(
    current.spots.findIndex(
      (spot) =>
        x >= spot.x && x < spot.x + spot.width && y >= spot.y && y < spot.y + spot.height,
    ),
  );
}

// Left and right walk in the order of reading; up and down to the nearest there.
function walkSpots(event) {
  const { spots } = current;
  if (event.key === "Escape") return showSpot(-1);
  if (!/^Arrow/.test(event.key) || !spots.length) return;
  event.preventDefault();
  const here = spots[spotNow];
  if (!here) return showSpot(0);
  if (event.key === "ArrowLeft") return showSpot(Math.max(0, spotNow - 1));
  if (event.key === "ArrowRight")
    return showSpot(Math.min(spots.length - 1, spotNow + 1));
  const way = event.key === "ArrowDown" ? 1 : -1;
  let best = spotNow,
    nearest = Infinity;
  spots.forEach((spot, n) => {
    const far = way * (spot.y - here.y);
    const distance = far * 1000 + Math.abs(spot.x - here.x);
    if (far > 1 && distance < nearest) [best, nearest] = [n, distance];
  });
  showSpot(best);
}
