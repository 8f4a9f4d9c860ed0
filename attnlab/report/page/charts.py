"""Curves for the page: matplotlib's SVG, its frame and what belongs to each row apart.

The frame stands in the page. A row is loaded when it is looked at, as lists
[tag, attributes, children] of which the page makes elements; nothing is read as HTML.
"""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from attnlab.report.figures import styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Text stays text, in the page's own font. The salt makes equal figures equal bytes.
SVG: dict[Any, str] = {"svg.fonttype": "none", "svg.hashsalt": "attnlab"}
GEOMETRY = ("d", "x", "y", "transform")
NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # even escaped

Fragment = list[Any]  # [tag, attributes, children], children as fragments or texts


class Chart(NamedTuple):
    """A figure of `figures.draw_row` for the page.

    frame: the <svg> element without the rows; groups with `data-layer` 0, 1, ... are
      where they go.
    rows: by name, [layer, fragment] of what belongs to a row: groups with `data-line`,
      whose points have a <title> that browsers show under the pointer.
    """

    frame: str
    rows: dict[str, list[tuple[int, Fragment]]]


@styled
def chart_of(figure: Figure) -> Chart | None:
    """A figure of `figures.draw_row` as a chart of the page.

    The page has one legend for all curves, so those of the figure are left out.

    Args:
      figure: any figure.

    Returns:
      The chart; None for a figure that has no such rows.
    """
    import matplotlib

    groups = {}
    for axes in figure.axes:
        for artist in axes.get_children():
            gid = artist.get_gid() or ""
            if gid.startswith("{"):  # of `figures.draw_row`
                groups[gid] = json.loads(gid)
    if not groups:
        return None
    legends = [legend for axes in figure.axes if (legend := axes.get_legend())]
    for legend in legends:
        legend.set(visible=False, in_layout=False)
    file = io.StringIO()
    with matplotlib.rc_context(SVG):
        figure.savefig(file, format="svg", bbox_inches="tight", metadata={"Date": None})
    for legend in legends:
        legend.set(visible=True, in_layout=True)
    root = ElementTree.fromstring(_without_controls(file.getvalue()))
    _clean(root, groups)
    root.set("role", "img")
    labels = [axes.get_ylabel() for axes in figure.axes]
    root.set("aria-label", f"Curves: {', '.join(labels)}")
    rows = _take_rows(root)
    return Chart(
        _without_controls(ElementTree.tostring(root, encoding="unicode")), rows
    )


def _take_rows(root: ElementTree.Element) -> dict[str, list[tuple[int, Fragment]]]:
    """Move what belongs to rows out of the figure; marks that rows share stay there."""
    rows: dict[str, list[tuple[int, ElementTree.Element]]] = {}
    shared = ElementTree.Element("defs")
    layer = -1
    for parent in list(root.iter()):
        before = None
        for child in list(parent):
            name = child.get("data-line")
            if name is None:
                before = None
                continue
            # matplotlib draws bands, then lines, then the points of all rows.
            kind = "values" if child.get("class") else "lines"
            if before != kind:
                layer += 1
                place = ElementTree.Element("g", {"data-layer": str(layer)})
                parent.insert(list(parent).index(child), place)
                before = kind
            parent.remove(child)
            rows.setdefault(name, []).append((layer, child))
    _share(rows.values(), shared)
    root.insert(0, shared)
    return {
        name: [(layer, _fragment(group)) for layer, group in groups]
        for name, groups in rows.items()
    }


def _share(
    rows: Collection[Sequence[tuple[int, ElementTree.Element]]],
    shared: ElementTree.Element,
) -> None:
    """Move the marks that several rows use; matplotlib has them in the first one."""
    used = Counter()
    for groups in rows:
        names = {use.get("href") for _, group in groups for use in group.iter("use")}
        used.update(names)
    for groups in rows:
        for definitions in (d for _, group in groups for d in group.iter("defs")):
            for mark in list(definitions):
                if used[f"#{mark.get('id')}"] > 1:
                    definitions.remove(mark)
                    shared.append(mark)


def _fragment(element: ElementTree.Element) -> Fragment:
    text = [element.text] if element.text else []
    return [element.tag, dict(element.attrib), [*text, *map(_fragment, element)]]


def _without_controls(text: str) -> str:
    return NO_XML.sub("\ufffd", text)


def _clean(element: ElementTree.Element, groups: dict[str, dict]) -> None:
    """Make an element fit for HTML under the page's policy, in place.

    The policy refuses `style`, so what it says becomes attributes of its own.
    """
    # ElementTree writes the namespace into the tag; SVG in HTML needs none.
    element.tag = element.tag.rpartition("}")[2]
    for child in list(element):  # a copy, as children are removed meanwhile
        if child.tag.endswith(("metadata", "style")):
            element.remove(child)
        else:
            _clean(child, groups)
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
        elif name == "id" and element.tag == "g":
            del element.attrib[name]  # matplotlib's "line2d_3" is in every figure
            if value in groups:
                _tag(element, **groups[value])
    # Without a size of its own the picture can take the page's.
    for name in ("version", "width", "height"):
        if element.tag == "svg":
            element.attrib.pop(name, None)
    if element.text and not element.text.strip():
        element.text = None
    if element.tail and not element.tail.strip():
        element.tail = None


def _tag(group: ElementTree.Element, row: str, values: list[str] | None = None) -> None:
    """Name the row of a group, and hang texts on its points."""
    group.set("data-line", row)
    if values is None:
        return
    group.set("class", "values")
    # matplotlib's SVG has a `use` for each mark.
    points = [point for point in group.iter() if point.tag == "use"]
    for point, text in zip(points, values, strict=True):
        for name in set(point.attrib) - {"href", "x", "y"}:
            del point.attrib[name]
        ElementTree.SubElement(point, "title").text = text
