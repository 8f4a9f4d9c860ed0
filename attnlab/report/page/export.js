// The viewer's picture as a file.

function fileName(ending) {
  const rows = current.panels.flatMap(({ row, seed }) =>
    seed === null ? [row.slug] : [row.slug, `seed-${seed}`],
  );
  return `${[...rows, state.set, formNow().noun, state.sentence + 1].join("_").replace(/[^\p{L}\p{N}._-]+/gu, "-")}.${ending}`;
}

// The picture on white paper, whatever the page's colors.
function onWhite(panels) {
  return drawShown(panels, Math.max(current.sizes.width, 640), DAY, false).svg;
}

// The same as the text of an SVG file.
function pictureFile() {
  const picture = onWhite(current.panels);
  const text = new XMLSerializer().serializeToString(picture);
  return {
    text: text.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "\ufffd"), // no XML
    width: Number(picture.getAttribute("width")),
    height: Number(picture.getAttribute("height")),
  };
}

// The page's own print dialog, with nothing but the picture on a page of its size: a
// browser saves that as a PDF of lines and letters, whatever the letters are.
let sheet = null; // the rule that gives the page its size
let title = "";

function savePdf() {
  if (!current || sheet !== null) return;
  const { width, height } = pictureFile();
  const style = document.styleSheets[0];
  sheet = style.insertRule(
    `@page { size: ${width + 1}px ${height + 1}px; margin: 0; }`,
    style.cssRules.length,
  );
  title = document.title;
  document.title = fileName("").slice(0, -1); // browsers name the file so
  document.documentElement.classList.add("single");
  window.print();
}

function pdfSaved() {
  if (sheet === null) return;
  document.styleSheets[0].deleteRule(sheet);
  document.documentElement.classList.remove("single");
  document.title = title;
  sheet = null;
}

function download(blob, name) {
  const address = URL.createObjectURL(blob);
  html("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

function saveSvg() {
  if (current)
    download(
      new Blob([pictureFile().text], { type: "image/svg+xml" }),
      fileName("svg"),
    );
}

async function savePng() {
  if (!current) return;
  const { text, width, height } = pictureFile();
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const grain = Math.min(2, 8000 / width, 8000 / height);
  const canvas = html("canvas", {
    width: Math.round(grain * width),
    height: Math.round(grain * height),
  });
  const pen = canvas.getContext("2d");
  pen.scale(grain, grain);
  pen.drawImage(image, 0, 0, width, height);
  canvas.toBlob((blob) => download(blob, fileName("png")), "image/png");
}
