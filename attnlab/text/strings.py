"""Corpora of strings: letters and phonemes, lemmas and forms, a symbol a word."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from attnlab.text.pairs import Corpus, GoldPair, Pair, Symbols


def string_corpus(
    name: str,
    splits: Mapping[str, Sequence[Pair]],
    languages: tuple[str, str],
    about: str,
    *,
    gold: Mapping[str, list[GoldPair]] | None = None,
    notes: tuple[str, ...] = (),
) -> Corpus:
    """A corpus of symbols.

    Training has every distinct pair. In dev and test each source stands once, with its
    first target; a source that has several has them all in `references`.

    Args:
      name: of the corpus.
      splits: pairs of train, dev and test.
      languages: what source and target are.
      about: the text, in a line or two.
      gold: pairs with links, by the name of the set.
      notes: what was left out of the files.

    Returns:
      The corpus.
    """
    targets: dict[Symbols, dict[Symbols, None]] = {}
    for pair in (*splits["dev"], *splits["test"]):
        targets.setdefault(pair.source, {})[pair.target] = None
    dev, test = (
        [Pair(source, next(iter(targets[source]))) for source in _sources(splits[part])]
        for part in ("dev", "test")
    )
    return Corpus(
        name=name,
        train=list(dict.fromkeys(splits["train"])),
        dev=dev,
        test=test,
        gold=dict(gold or {}),
        source_language=languages[0],
        target_language=languages[1],
        about=about,
        notes=notes,
        symbols=True,
        references={
            source: tuple(those) for source, those in targets.items() if len(those) > 1
        },
    )


def _sources(pairs: Sequence[Pair]) -> list[Symbols]:
    """The distinct sources, in their order."""
    return list(dict.fromkeys(pair.source for pair in pairs))


def drawn(words: Iterable[str], counts: Sequence[int], seed: str) -> list[set[str]]:
    """Sets of words drawn at random, the same on every machine.

    Words stand in the order of their sha256 digests, so that a split depends on neither
    the order of the file nor the version of Python.

    Args:
      words: to draw from; of equal words one counts.
      counts: of the sets.
      seed: any text, which is digested before the word.

    Returns:
      Disjoint sets of so many words; what they leave is for training.

    Raises:
      ValueError: where none would be left.
    """

    def digest(word: str) -> bytes:
        return hashlib.sha256(f"{seed} {word}".encode()).digest()

    order = sorted(set(words), key=digest)
    if sum(counts) >= len(order):
        raise ValueError(
            f"{sum(counts)} words are to be held out, of {len(order)}: none is left"
        )
    sets, start = [], 0
    for count in counts:
        sets.append(set(order[start : start + count]))
        start += count
    return sets


def symbols_of(text: str, where: str) -> Symbols:
    """The characters of a string.

    Args:
      text: without its line's end.
      where: file and number of the line, for errors.

    Returns:
      A symbol a character.

    Raises:
      ValueError: for a blank, which stands between symbols in every file of a run, and
        for nothing at all.
    """
    if not text or any(sign in text for sign in " \t"):
        raise ValueError(f"{where}: {text!r} is no string of symbols without blanks")
    return tuple(text)
