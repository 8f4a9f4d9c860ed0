// The viewer's picture as a file.

function fileName(ending) {
  return `${[...state.rows, state.set, "sentence", state.sentence + 1].join("_").replace(/[^\p{L}\p{N}._-]+/gu, "-")}.${ending}`;
}

// The picture on white paper, whatever the page's colors, as the text of an SVG file.
function pictureFile() {
  const { svg: picture } = drawPicture(
    current.panels,
    Math.max(current.sizes.width, 640),
    DAY,
    false,
  );
  const text = new XMLSerializer().serializeToString(picture);
  return {
    text: text.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "\ufffd"), // no XML
    width: Number(picture.getAttribute("width")),
    height: Number(picture.getAttribute("height")),
  };
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
