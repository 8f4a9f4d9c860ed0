"""Words as integers: the special tokens, and a vocabulary of whole words."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PAD, BOS, EOS, UNK = 0, 1, 2, 3
SPECIALS = ("<pad>", "<bos>", "<eos>", "<unk>")
HEADER = "attnlab vocabulary 1"


class EncodedText(NamedTuple):
    """A sentence as units: `owner[k]` is the index of the word that unit k is part of.

    Neither holds BOS or EOS. For whole words `owner` is 0, 1, 2, ...
    """

    ids: list[int]
    owner: list[int]


class Vocabulary:
    """Whole words, numbered from 4 on by falling frequency; others become UNK."""

    def __init__(self, words: Sequence[str]):
        for word in words:
            if not word or set(word) & set(" \t\n"):
                raise ValueError(f"vocabulary word {word!r} is empty or holds a blank")
        self.words = (*SPECIALS, *words)
        # Without the special tokens: text that spells one is a word like others.
        self._ids = {word: index for index, word in enumerate(words, len(SPECIALS))}
        # A repeated word would have two ids, of which `encode` knows the last.
        if len(self._ids) < len(words):
            counts = Counter(words)
            twice = next(word for word in words if counts[word] > 1)
            raise ValueError(f"word {twice!r} is in the vocabulary more than once")

    @classmethod
    def build(
        cls,
        sentences: Iterable[Sequence[str]],
        max_size: int | None = None,
        min_count: int = 1,
    ) -> "Vocabulary":
        """The vocabulary of sentences' words.

        Args:
          sentences: as words.
          max_size: as in `of_counts`.
          min_count: as in `of_counts`.

        Returns:
          The vocabulary.
        """
        counts = Counter(word for sentence in sentences for word in sentence)
        return cls.of_counts(counts, max_size, min_count)

    @classmethod
    def build_both(
        cls, pairs: Iterable, sizes: tuple[int | None, int | None], min_count: int = 1
    ) -> "tuple[Vocabulary, Vocabulary]":
        """One for each side of pairs that are read once, as text on disk should be.

        Args:
          pairs: anything with `.source` and `.target`, as words.
          sizes: `max_size` of source and target.
          min_count: as in `of_counts`.

        Returns:
          The vocabularies of source and target.
        """
        source: Counter[str] = Counter()
        target: Counter[str] = Counter()
        for pair in pairs:
            source.update(pair.source)
            target.update(pair.target)
        return (
            cls.of_counts(source, sizes[0], min_count),
            cls.of_counts(target, sizes[1], min_count),
        )

    @classmethod
    def of_counts(
        cls,
        counts: Mapping[str, int],
        max_size: int | None = None,
        min_count: int = 1,
    ) -> "Vocabulary":
        """The words that were seen often enough, most frequent first.

        Words of equal count stand in alphabetical order, so the numbering depends on
        the counts alone.

        Args:
          counts: of words.
          max_size: largest size, the four special tokens counted; None: no limit.
          min_count: a word must have been seen so many times.

        Returns:
          The vocabulary.

        Raises:
          ValueError: for a size without room for a word.
        """
        if max_size is not None and max_size <= len(SPECIALS):
            raise ValueError(
                f"max_size is {max_size}; it must exceed the {len(SPECIALS)} "
                "special tokens"
            )
        frequent = [item for item in counts.items() if item[1] >= min_count]
        # By count, then alphabet: the order of the text must not change the ids.
        ranked = sorted(frequent, key=lambda item: (-item[1], item[0]))
        words = [word for word, _ in ranked]
        return cls(words if max_size is None else words[: max_size - len(SPECIALS)])

    def __len__(self) -> int:
        return len(self.words)

    @property
    def size(self) -> int:
        """Words, special tokens included."""
        return len(self.words)

    def encode(self, words: Sequence[str]) -> EncodedText:
        """One id a word, UNK where it is unknown.

        Args:
          words: of a sentence.

        Returns:
          Ids without BOS and EOS, and the word that each unit belongs to.
        """
        ids = [self._ids.get(word, UNK) for word in words]
        return EncodedText(ids, list(range(len(ids))))

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The words before the first EOS; PAD and BOS are left out.

        Args:
          ids: of units.

        Returns:
          The words.
        """
        return [self.words[index] for index in until_eos(ids, self.size)]

    @property
    def content(self) -> bytes:
        """A header line, then one word a line, UTF-8, without the specials."""
        return "".join(
            f"{line}\n" for line in (HEADER, *self.words[len(SPECIALS) :])
        ).encode()

    def save(self, path: str | Path) -> None:
        """Write `content`.

        Args:
          path: of the file.
        """
        Path(path).write_bytes(self.content)

    @classmethod
    def load(cls, path: str | Path) -> "Vocabulary":
        """The vocabulary that `save` wrote.

        Args:
          path: of the file.

        Returns:
          The vocabulary.

        Raises:
          ValueError: naming a file that holds none.
        """
        try:
            header, *words = Path(path).read_text(encoding="utf-8").split("\n")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not a vocabulary file: {error}") from None
        if header != HEADER:
            raise ValueError(
                f"{path} is not a vocabulary file: its first line is "
                f"{header[:40]!r}, not {HEADER!r}"
            )
        # `save` ends every line, so what follows the last newline is empty.
        if not words or words.pop() != "":
            raise ValueError(f"{path} is cut short: its last line has no end")
        try:
            return cls(words)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None


def until_eos(ids: Iterable[int], size: int) -> list[int]:
    """Ids up to the first EOS, without PAD and BOS.

    Args:
      ids: of units.
      size: of the vocabulary.

    Returns:
      The ids before EOS.

    Raises:
      ValueError: for an id that is not below size.
    """
    before = []
    for index in map(int, ids):
        if index == EOS:
            break
        # Before the lookup, where -1 would be the last word.
        if not 0 <= index < size:
            raise ValueError(f"id {index} is outside a vocabulary of {size}")
        if index not in (PAD, BOS):
            before.append(index)
    return before
