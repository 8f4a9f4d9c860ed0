"""Curves for the page: a frame made by matplotlib, and what belongs to each row apart.

The frame (axes, ticks, words) stands in the page. A row is loaded when it is looked at,
as lists [tag, attributes, children] of which the page makes elements; nothing is read
as HTML. Its points are placed here, by where the frame has the corners of its axes.
"""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from attnlab.report.figures import LINE_WIDTH, MARKERS, look_of, styled
from attnlab.report.row_curves import BAND, THIN, CurvePanel, RowCurves, RowLine

if TYPE_CHECKING:
    from matplotlib.path import Path

# Text stays text, in the page's own font. The salt makes equal figures equal bytes.
SVG: dict[Any, str] = {"svg.fonttype": "none", "svg.hashsalt": "attnlab"}
GEOMETRY = ("d", "x", "y", "transform")
NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # even escaped
CORNERS = "corners"  # the ids of lines from corner to corner, with a number each
LAYERS = (2, 9)  # their orders: above the grid are lines, above all the values
MOST_VALUES = 60  # points of a line whose values the page shows under the pointer
VALUE_SIZE = 60**0.5  # points across of the mark that the pointer meets
LONG = 128  # points of a line from which on those that nobody sees are left out

Fragment = list[Any]  # [tag, attributes, children], children as fragments or texts


class Chart(NamedTuple):
    """Curves for the page.

    frame: the <svg> element without the rows; groups with `data-layer` 0, 1, ... are
      where they go.
    rows: by name, [layer, fragment] of what belongs to a row: groups with `data-line`,
      whose points have a <title> that browsers show under the pointer.
    """

    frame: str
    rows: dict[str, list[tuple[int, Fragment]]]


class Frame(NamedTuple):
    """The part of a chart that no row changes but by the limits.

    svg: the element. clips: for each panel the reference of its clip path. places: the
    values at the ends of its axes and where those are in the picture, in points:
    [x0, x1, y0, y1] of both.
    """

    svg: str
    clips: Sequence[str]
    places: Sequence[tuple[Sequence[float], Sequence[float]]]


@styled
def frame_of(curves: RowCurves) -> Frame:
    """The frame of a chart, drawn by matplotlib.

    Args:
      curves: of all rows.

    Returns:
      The frame with all marks that its rows use.
    """
    import matplotlib

    figure, all_axes = curves.frame()
    for number, axes in enumerate(all_axes):
        for layer, order in enumerate(LAYERS):
            # In the axes' own units, so that it does not move the limits.
            at = {"transform": axes.transAxes, "zorder": order}
            name = f"{CORNERS}{len(LAYERS) * number + layer}"
            axes.plot([0, 1], [0, 1], gid=name, scalex=False, scaley=False, **at)
    file = io.StringIO()
    with matplotlib.rc_context(SVG):
        figure.savefig(file, format="svg", bbox_inches="tight", metadata={"Date": None})
    limits = [[*axes.get_xlim(), *axes.get_ylim()] for axes in all_axes]
    root = ElementTree.fromstring(_without_controls(file.getvalue()))
    _clean(root)
    root.set("role", "img")
    root.set("aria-label", f"Curves: {', '.join(p.y_label for p in curves.panels)}")
    corners = _take_corners(root)[:: len(LAYERS)]
    root.insert(0, _marks(curves))
    svg = _without_controls(ElementTree.tostring(root, encoding="unicode"))
    clips = [path.attrib["clip-path"] for path in corners]
    ends = [re.findall(r"-?[\d.]+", path.attrib["d"]) for path in corners]
    places = [
        (of_axes, [float(x0), float(x1), float(y0), float(y1)])
        for of_axes, (x0, y0, x1, y1) in zip(limits, ends, strict=True)
    ]
    return Frame(svg, clips, places)


def chart_of(curves: RowCurves, frame: Frame | None = None) -> Chart:
    """Curves as a chart of the page, which has one legend for all charts.

    Args:
      curves: of all rows.
      frame: theirs, where it has been made already.

    Returns:
      The chart.
    """
    frame = frame or frame_of(curves)
    rows: dict[str, list[tuple[int, Fragment]]] = {row: [] for row in curves.rows}
    for number, panel in enumerate(curves.panels):
        (*values, low, high), (*ends, bottom, top) = frame.places[number]
        slopes = np.array(
            [
                (ends[1] - ends[0]) / (values[1] - values[0]),
                (top - bottom) / (high - low),
            ]
        )
        starts = np.array([ends[0], bottom]) - slopes * np.array([values[0], low])
        for line in panel.lines:
            lines, texts = _row(panel, line, slopes, starts, frame.clips[number])
            first = len(LAYERS) * number
            rows[line.row] += [(first, lines), (first + 1, texts)]
    return Chart(frame.svg, rows)


def _row(
    panel: CurvePanel, line: RowLine, slopes: np.ndarray, starts: np.ndarray, clip: str
) -> tuple[Fragment, Fragment]:
    """The lines of a row in a panel, and the points that have texts."""
    look = look_of(line.place)
    clipped = {"clip-path": clip}

    def placed(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray):
        return np.stack([x, y], axis=1) * slopes + starts

    drawn: list[Fragment] = []
    if line.ends is not None:
        edges = [placed(line.x, end) for end in line.ends]
        fill = {"fill": look["color"], "fill-opacity": f"{BAND}"}
        drawn.append(["path", {"d": _band(*edges)} | clipped | fill, []])
    stroke = {"fill": "none", "stroke": look["color"]} | clipped
    for rest in line.rests:
        thin = {
            "stroke-width": f"{THIN['linewidth']}",
            "stroke-opacity": f"{THIN['alpha']}",
        }
        drawn.append(["path", {"d": _line(placed(*rest))} | stroke | thin, []])
    points = placed(line.x, line.mean)
    drawn.append(["path", {"d": _line(points)} | stroke | _dashes(look), []])
    every, _ = line.markers
    white = {"stroke": look["markeredgecolor"]}
    white |= {"fill": look["color"], "stroke-width": f"{look['markeredgewidth']}"}
    uses = [_use(_mark(line), point, []) for point in _finite(points[::every])]
    drawn.append(["g", clipped | white, uses])
    named = {"data-line": line.row}
    texts = [
        _use("value", points[n].tolist(), [["title", {}, [_text(panel, line, n)]]])
        for n in range(0, len(points), 1 + len(points) // MOST_VALUES)
        if np.isfinite(line.mean[n])
    ]
    values = ["g", clipped, texts]
    return ["g", named, drawn], ["g", named | {"class": "values"}, [values]]


def _text(panel: CurvePanel, line: RowLine, n: int) -> str:
    """A point's value in words: "local-p, step 1,200: 31.2 (30.8 to 31.9)"."""
    text = f"{line.row}, {panel.place_of(line, n)}: {line.mean[n]:.4g}"
    if line.ends is None:
        return text
    low, high = line.ends
    return f"{text} ({low[n]:.4g} to {high[n]:.4g})"


def _use(mark: str, point: Sequence[float], children: list[Fragment]) -> Fragment:
    x, y = point
    return ["use", {"x": f"{x:.2f}", "y": f"{y:.2f}", "href": f"#{mark}"}, children]


def _finite(points: np.ndarray) -> list[list[float]]:
    return points[np.isfinite(points).all(axis=1)].tolist()


def _dashes(look: dict[str, Any]) -> dict[str, str]:
    """A line's width and dashes, which matplotlib gives in widths."""
    width = f"{LINE_WIDTH:g}"
    if look["linestyle"] == "-":
        return {"stroke-width": width, "stroke-linecap": "square"}
    _, pattern = look["linestyle"]
    lengths = ",".join(f"{length * LINE_WIDTH:g}" for length in pattern)
    return {"stroke-width": width, "stroke-dasharray": lengths}


def _pieces(points: np.ndarray) -> list[np.ndarray]:
    """Points [n, 2] cut where one of them is no number, without those that lie so close
    to the line between others that nobody sees them."""
    finite = np.isfinite(points).all(axis=1)
    if not finite.all():
        masked = np.ma.masked_array(finite, ~finite)
        return [
            p for part in np.ma.clump_unmasked(masked) for p in _pieces(points[part])
        ]
    if len(points) < LONG:
        return [points] if len(points) else []
    from matplotlib.path import Path

    path = Path(points).cleaned(simplify=True)
    return [np.asarray(path.vertices)[:-1]]  # the last is a stop


def _line(points: np.ndarray) -> str:
    """What an SVG path's `d` says of a line with gaps."""
    return " ".join(f"M{_through(piece)}" for piece in _pieces(points))


def _band(low: np.ndarray, high: np.ndarray) -> str:
    """The same of the areas between two lines."""
    sides = zip(_pieces(low), _pieces(high), strict=True)
    return " ".join(f"M{_through([*under, *over[::-1]])}z" for under, over in sides)


def _through(points: Sequence[np.ndarray] | np.ndarray) -> str:
    # Hundredths of a point are enough.
    return "L".join(f"{x:.2f} {y:.2f}" for x, y in np.asarray(points).tolist())


def _mark(line: RowLine) -> str:
    """The id of a row's marker."""
    return f"mark{line.place % len(MARKERS)}-{line.markers[1]:g}"


def _marks(curves: RowCurves) -> ElementTree.Element:
    """The markers of all rows, and the circle under which a value's text is shown."""
    from matplotlib.markers import MarkerStyle
    from matplotlib.transforms import Affine2D

    kinds = {
        _mark(line): (look_of(line.place)["marker"], line.markers[1])
        for panel in curves.panels
        for line in panel.lines
    }
    defined = ElementTree.Element("defs")
    for name, (marker, size) in {**kinds, "value": ("o", VALUE_SIZE)}.items():
        style = MarkerStyle(marker)
        # Downwards, as y grows in SVG.
        transform = style.get_transform() + Affine2D().scale(size, -size)
        path = transform.transform_path(style.get_path())
        ElementTree.SubElement(defined, "path", {"id": name, "d": _outline(path)})
    return defined


def _outline(path: Path) -> str:
    """What an SVG path's `d` says of a path of matplotlib."""
    letters = {path.MOVETO: "M", path.LINETO: "L", path.CURVE4: "C", path.CLOSEPOLY: ""}
    parts = []
    for numbers, code in path.iter_segments(simplify=False):
        if code == path.CLOSEPOLY:
            parts.append("z")
        else:
            parts.append(letters[code] + " ".join(f"{n:.2f}" for n in numbers))
    return "".join(parts)


def _take_corners(root: ElementTree.Element) -> list[ElementTree.Element]:
    """The lines from corner to corner; where they were go the layers of rows."""
    paths: dict[int, ElementTree.Element] = {}
    for parent in list(root.iter()):
        for child in list(parent):
            name = child.get("id", "")
            if child.tag != "g" or not name.startswith(CORNERS):
                continue
            layer = name.removeprefix(CORNERS)
            (paths[int(layer)],) = child.iter("path")
            child.clear()
            child.set("data-layer", layer)
    return [paths[number] for number in sorted(paths)]


def _without_controls(text: str) -> str:
    return NO_XML.sub("\ufffd", text)


def _clean(element: ElementTree.Element) -> None:
    """Make an element fit for HTML under the page's policy, in place.

    The policy refuses `style`, so what it says becomes attributes of its own.
    """
    # ElementTree writes the namespace into the tag; SVG in HTML needs none.
    element.tag = element.tag.rpartition("}")[2]
    for child in list(element):  # a copy, as children are removed meanwhile
        if child.tag.endswith(("metadata", "style")):
            element.remove(child)
        else:
            _clean(child)
    for name, value in list(element.attrib.items()):
        if name == "style":
            del element.attrib[name]
            for part in filter(None, value.split(";")):
                key, _, text = part.partition(":")
                if key.strip() != "font-family":  # the page's own
                    element.set(key.strip(), text.strip())
        elif name in GEOMETRY:  # hundredths of a point are enough, and half the bytes
            element.set(name, re.sub(r"(\.\d\d)\d+", r"\1", " ".join(value.split())))
        elif name.startswith("{"):  # xlink:href
            del element.attrib[name]
            element.set(name.rpartition("}")[2], value)
        elif name == "id" and element.tag == "g" and not value.startswith(CORNERS):
            del element.attrib[name]  # matplotlib's "line2d_3" is in every figure
    # Without a size of its own the picture can take the page's.
    for name in ("version", "width", "height"):
        if element.tag == "svg":
            element.attrib.pop(name, None)
    if element.text and not element.text.strip():
        element.text = None
    if element.tail and not element.tail.strip():
        element.tail = None
