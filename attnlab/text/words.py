"""What a word is: for text that is cut already, and for text that we cut.

Text that is cut has its words between ASCII blanks and tabs, as the tools have it that
made gold links for it. Every other sign is part of a word: no-break and ideographic
blanks, marks of direction, U+2028, U+FEFF. At the start of a file alone U+FEFF is the
mark of its byte order, which is no part of the text. (A line ends at a newline alone,
see `read_text`.)
"""

import re
import unicodedata

BLANKS = re.compile("[ \t]+")
TOKEN = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")
JOINERS = "\u200c\u200d"  # inside words of Persian and of scripts of India


def split_words(line: str) -> list[str]:
    """The words of a line of cut text.

    Args:
      line: without its end.

    Returns:
      The words, none of them empty.
    """
    return [word for word in BLANKS.split(line) if word]


def tokenize(text: str) -> list[str]:
    """Lower-cased words (inner apostrophes stay) and punctuation marks.

    Args:
      text: a sentence as it was written.

    Returns:
      Its tokens.
    """
    return find_words(TOKEN, text.lower())


def find_words(pattern: re.Pattern[str], text: str) -> list[str]:
    r"""What a pattern finds, a letter's combining marks being part of it.

    \\w knows no such marks, and would cut Devanagari, Tamil, pointed Hebrew and
    decomposed accents in the middle of a letter.

    Args:
      pattern: without groups; \\w stands for marks and joiners, too.
      text: any text.

    Returns:
      The parts of the text that match.
    """
    if text.isascii():
        return pattern.findall(text)
    shape = "".join("x" if _is_mark(sign) else sign for sign in text)
    return [text[slice(*match.span())] for match in pattern.finditer(shape)]


def _is_mark(sign: str) -> bool:
    return unicodedata.category(sign).startswith("M") or sign in JOINERS
