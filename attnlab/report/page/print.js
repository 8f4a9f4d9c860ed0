// The picture on paper: whole maps, as many on a page as there is room for.

// Pixels between the margins of a page: A4 and US letter have these both.
const PAGE = { width: 688, height: 930 };

function printedPictures(panels) {
  if (sheet !== null) return [onWhite(panels)]; // saved as PDF
  // One page, with the fewest maps side by side and so the largest that fit.
  for (let columns = 1; columns <= panels.length; columns++) {
    const { svg } = drawShown(panels, PAGE.width, DAY, false, columns);
    const { width, height } = svg.viewBox.baseVal;
    if (width <= PAGE.width && height <= PAGE.height) return [svg];
  }
  // Else a picture for each line of maps, which no page cuts; other forms have one row a
  // line.
  const whole = drawShown(panels, PAGE.width, DAY, false);
  const lines = [];
  for (let n = 0; n < panels.length; n += whole.sizes.columns)
    lines.push(panels.slice(n, n + whole.sizes.columns));
  return lines.map((line) => drawShown(line, PAGE.width, DAY, false).svg);
}
