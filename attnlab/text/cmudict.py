"""The CMU Pronouncing Dictionary 0.7a: English letters to ARPAbet phonemes."""

import re
import zipfile
import zlib
from pathlib import Path

from attnlab.corpora.catalogue import Entry
from attnlab.corpora.folder import corpus_file
from attnlab.settings import Count
from attnlab.text.pairs import Corpus, Pair
from attnlab.text.read_text import LARGEST, check_signs
from attnlab.text.strings import drawn, string_corpus

UPSTREAM = "http://www.speech.cs.cmu.edu/cgi-bin/cmudict (0.7a, the archive of NLTK)"
ENTRY = Entry(
    "cmudict",
    "CMU dictionary 0.7a, English letters to phonemes; several for some words",
    (116_856, 2_670, 12_000),
    "open: any research or commercial purpose, completely unrestricted",
    UPSTREAM,
    ("cmudict",),
)
MEMBER = "cmudict/cmudict"
WORD = re.compile("[A-Z']+")
PHONEME = re.compile("([A-Z]{1,2})([012]?)")


def cmudict(
    *, stress: bool = False, dev: Count = 2_670, test: Count = 12_000
) -> Corpus:
    """Letters to phonemes, 122,786 words, split by word.

    As Yao and Zweig 2015 (https://arxiv.org/abs/1506.00196) and those after them have
    it: 39 phonemes without stress, words of letters and apostrophes; every
    pronunciation of a word is a training pair, a word of dev or test stands once, and
    the closest of its pronunciations counts. As many words are held out as theirs, but
    others: their lists are of another version. There are no gold links.

    Args:
      stress: keep the marks of vowels: AH0, not AH.
      dev: words to choose the best checkpoint by.
      test: words to judge it by.

    Returns:
      The corpus; `notes` say how many lines of other words were left out.

    Raises:
      ValueError: naming file and line of what is no entry, and where no word is left to
        train on.
      MissingCorpus: where its archive is not in the data folder.
    """
    path = corpus_file("cmudict/cmudict.zip", upstream=UPSTREAM)
    lines = _read_lines(path)
    entries = [
        _entry(line, f"{path}:{MEMBER}:{number}", stress)
        for number, line in enumerate(lines, 1)
    ]
    pairs = [entry for entry in entries if entry is not None]
    words = {pair.source: "".join(pair.source) for pair in pairs}
    dev_words, test_words = drawn(words.values(), (dev, test), "cmudict 0")
    splits: dict[str, list[Pair]] = {"train": [], "dev": [], "test": []}
    for pair in pairs:
        word = words[pair.source]
        in_test = "test" if word in test_words else "train"
        splits["dev" if word in dev_words else in_test].append(pair)
    left_out = len(lines) - len(pairs)
    note = f"{left_out} of {len(lines)} lines have signs other than letters and '"
    return string_corpus(
        "cmudict",
        splits,
        ("letters", "phonemes"),
        f"CMU dictionary 0.7a, {'with' if stress else 'without'} stress, split by "
        "word.",
        notes=(f"{note}, and are left out",) * bool(left_out),
    )


def _read_lines(path: Path) -> list[str]:
    """The lines of the dictionary in its archive, which is latin-1."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(MEMBER).file_size > LARGEST:
                raise ValueError(f"{path}: {MEMBER} unpacks to too much")
            content = archive.read(MEMBER)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise ValueError(f"{path} is not the archive of NLTK: {error}") from None
    content = content.replace(b"\r\n", b"\n")
    check_signs(content, f"{path}:{MEMBER}")
    return content.decode("latin-1").removesuffix("\n").split("\n")


def _entry(line: str, where: str, stress: bool) -> Pair | None:
    """The pair of a line `WORD number PHONEME ...`; None for a word of other signs."""
    word, *rest = line.split(" ")
    number, phonemes = rest[:1], rest[1:]
    parts = [PHONEME.fullmatch(phoneme) for phoneme in phonemes]
    if not number or not number[0].isdecimal() or not parts or not all(parts):
        raise ValueError(
            f"{where}: {line[:60]!r} is not an entry `WORD number PHONEME ...`"
        )
    if not WORD.fullmatch(word):
        return None
    target = [part[0] if stress else part[1] for part in parts if part is not None]
    return Pair(tuple(word), tuple(target))
