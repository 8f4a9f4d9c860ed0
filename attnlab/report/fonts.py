"""Installed fonts that have the letters which matplotlib's own font lacks."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from attnlab.report.figures import DEFAULT_FONT

# Noto has a family a script; these three have other names.
EAST = {"CJK": "CJK", "HIRAGANA": "CJK JP", "KATAKANA": "CJK JP", "HANGUL": "CJK KR"}
UNSEEN = ("Cc", "Cf", "Zs", "Zl", "Zp", "Mn")  # without a look of their own
SHOWN = 20  # letters that a line names


class FontChoice(NamedTuple):
    """Fonts for some words.

    families: to draw with; a letter is taken from the first that has it. missing:
    letters that none of the installed ones has, in their order.
    """

    families: tuple[str, ...]
    missing: str

    def advice(self) -> str | None:
        """What to install.

        Returns:
          A line that names the letters and a font; None where nothing is missing.
        """
        if not self.missing:
            return None
        scripts = dict.fromkeys(map(_script, self.missing))
        names = ", ".join(
            f"Noto Sans {EAST.get(script, script.title())}" for script in scripts
        )
        letters = self.missing[:SHOWN]
        return f"no installed font has {letters}: install one that has, as {names}"


def choose_fonts(words: Iterable[str], family: str | None = None) -> FontChoice:
    """Fonts that have all letters of some words, as far as any is installed.

    Args:
      words: to be drawn.
      family: an installed family to be taken first, if any.

    Returns:
      The FontChoice; matplotlib's own font alone where that has all letters.

    Raises:
      ValueError: for a family that is not installed.
    """
    families = [DEFAULT_FONT] if family is None else [family, DEFAULT_FONT]
    seen = [letter for letter in dict.fromkeys("".join(words)) if _is_seen(letter)]
    if family is not None and family not in _installed():
        raise ValueError(f"no font {family!r} is installed here")
    missing = set(seen) - _letters_of(families)
    if missing:
        _read_new_fonts()
    while missing:
        letters = {name: missing & _letters(*files) for name, files in _usable()}
        # Of equal ones the first by name, so that every run draws the same.
        best = max(sorted(letters), key=lambda name: len(letters[name]), default="")
        if not letters.get(best):
            break
        families.append(best)
        missing -= letters[best]
    return FontChoice(
        tuple(families), "".join(letter for letter in seen if letter in missing)
    )


def _is_seen(letter: str) -> bool:
    return unicodedata.category(letter) not in UNSEEN


def _script(letter: str) -> str:
    """The first word of a letter's name: CJK, HANGUL, DEVANAGARI ..."""
    return unicodedata.name(letter, "?").split()[0]


def _installed() -> dict[str, list[str]]:
    """The files of each family, upright ones of a usual weight."""
    from matplotlib.font_manager import fontManager

    files: dict[str, list[str]] = {}
    for entry in fontManager.ttflist:
        # The last resort has a box for every letter.
        if entry.style == "normal" and not entry.name.startswith("Last Resort"):
            files.setdefault(entry.name, []).append(entry.fname)
    return files


def _usable() -> list[tuple[str, tuple[str, ...]]]:
    return [(name, tuple(files)) for name, files in sorted(_installed().items())]


def _letters_of(families: list[str]) -> set[str]:
    installed = _installed()
    return set().union(*(_letters(*installed.get(name, ())) for name in families))


@functools.cache
def _letters(*files: str) -> frozenset[str]:
    """What the first file that can be read has; others differ in their weight."""
    from matplotlib.font_manager import get_font

    for file in files:
        try:
            return frozenset(map(chr, get_font(file).get_charmap()))
        except Exception:  # a file that is damaged, or was removed
            continue
    return frozenset()


def _read_new_fonts() -> None:
    """Tell matplotlib of fonts that were installed after it has listed all."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {Path(entry.fname) for entry in fontManager.ttflist}
    for file in findSystemFonts():
        if Path(file) not in known:
            try:
                fontManager.addfont(file)
            except Exception:  # none that it can use
                continue
