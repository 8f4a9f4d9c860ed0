"""Curves as inline SVG: matplotlib's figure, with the values of a point on hover."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ElementTree
from typing import TYPE_CHECKING, Any

from attnlab.report.figures import styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Text stays text, in the page's own font. The salt makes equal figures equal bytes.
SVG: dict[Any, str] = {"svg.fonttype": "none", "svg.hashsalt": "attnlab"}
GEOMETRY = ("d", "x", "y", "transform")
NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # even escaped


@styled
def inline_svg(figure: Figure) -> str:
    """A figure of `figures.draw_row` as an element for the page.

    Its legends are taken off, as the page has one for all curves.

    Args:
      figure: any figure; save it to files before.

    Returns:
      The <svg> element: what belongs to a row is in groups with `data-line`, and points
      have a <title> that browsers show under the pointer. "" for a figure that has no
      such rows.
    """
    import matplotlib

    groups = {}
    for axes in figure.axes:
        for artist in axes.get_children():
            gid = artist.get_gid() or ""
            if gid.startswith("{"):  # of `figures.draw_row`
                groups[gid] = json.loads(gid)
    if not groups:
        return ""
    for axes in figure.axes:
        if (legend := axes.get_legend()) is not None:
            legend.remove()
    file = io.StringIO()
    with matplotlib.rc_context(SVG):
        figure.savefig(file, format="svg", bbox_inches="tight", metadata={"Date": None})
    root = ElementTree.fromstring(_without_controls(file.getvalue()))
    _clean(root, groups)
    root.set("role", "img")
    labels = [axes.get_ylabel() for axes in figure.axes]
    root.set("aria-label", f"Curves: {', '.join(labels)}")
    return _without_controls(ElementTree.tostring(root, encoding="unicode"))


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
