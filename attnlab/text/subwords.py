"""Words in pieces: a SentencePiece model behind the interface of a vocabulary."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from attnlab.runs.files import read_bytes
from attnlab.text.vocabulary import (
    BOS,
    EOS,
    HEADER,
    PAD,
    UNK,
    EncodedText,
    Vocabulary,
    until_eos,
)
from attnlab.text.words import split_words

KINDS = ("bpe", "unigram")
BLANK = "\u2581"  # SentencePiece writes the start of a word so


class Codec(Protocol):
    """What a model's side needs of its language: Vocabulary and Subwords both are one.

    PAD, BOS, EOS and UNK have the same ids in every codec. `encode` gives ids without
    BOS and EOS, and the word that each unit belongs to; `decode` stops at the first
    EOS and gives words; `content` is what `save` writes.
    """

    @property
    def size(self) -> int: ...

    @property
    def content(self) -> bytes: ...

    def encode(self, words: Sequence[str]) -> EncodedText:
        """The units of a sentence.

        Args:
          words: of a sentence.

        Returns:
          Ids without BOS and EOS, and the word that each unit belongs to.
        """
        ...

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The words before the first EOS.

        Args:
          ids: of units.

        Returns:
          The words.
        """
        ...

    def save(self, path: str | Path) -> None:
        """Write `content`.

        Args:
          path: of the file.
        """
        ...


class Subwords:
    """A SentencePiece model whose pieces never cross a word's end.

    Words are cut one by one, so every piece knows its word: no dummy prefix to correct
    for when links of pieces become links of words.
    """

    def __init__(self, model: bytes):
        from sentencepiece import SentencePieceProcessor  # slow to import

        self._model = model
        self._processor = SentencePieceProcessor(model_proto=model)
        processor = self._processor
        numbers = tuple(
            special()
            for special in (
                processor.pad_id,
                processor.bos_id,
                processor.eos_id,
                processor.unk_id,
            )
        )
        # Models and masks take these ids for granted, whatever the codec.
        if numbers != (PAD, BOS, EOS, UNK):
            raise ValueError(
                "a subword model must number its pad, bos, eos and unk pieces "
                f"{(PAD, BOS, EOS, UNK)}, not {numbers}; train it with Subwords.train"
            )
        self._pieces: dict[str, list[int]] = {}

    @classmethod
    def train(
        cls, sentences: Iterable[Sequence[str]], size: int, kind: str = "bpe"
    ) -> "Subwords":
        """A model of at most `size` pieces, special tokens included.

        The same sentences give the same model. Small text may not have enough pieces;
        the model is then smaller.

        Args:
          sentences: as words.
          size: pieces, at most.
          kind: "bpe" or "unigram".

        Returns:
          The model.

        Raises:
          ValueError: for another kind, and text that cannot be learned from.
        """
        if kind not in KINDS:
            raise ValueError(
                f"unknown kind of subwords {kind!r}; choose {', '.join(KINDS)}"
            )
        from sentencepiece import SentencePieceTrainer

        written = io.BytesIO()
        try:
            SentencePieceTrainer.train(
                sentence_iterator=iter([" ".join(words) for words in sentences]),
                model_writer=written,
                vocab_size=size,
                model_type=kind,
                # Little text has too few pieces; that is no error.
                hard_vocab_limit=False,
                # Else rare letters would be UNK.
                character_coverage=1.0,
                # Words must come back as they were given.
                normalization_rule_name="identity",
                pad_id=PAD,
                bos_id=BOS,
                eos_id=EOS,
                unk_id=UNK,
                # More threads give other models from run to run.
                num_threads=1,
                minloglevel=2,
            )
        except (RuntimeError, OSError) as error:
            reason = str(error).strip().splitlines()[-1]
            raise ValueError(f"cannot train {size} subwords: {reason}") from None
        return cls(written.getvalue())

    def __len__(self) -> int:
        return self.size

    @property
    def size(self) -> int:
        """Pieces, special tokens included."""
        return self._processor.get_piece_size()

    def groups(self, words: Sequence[str]) -> list[list[int]]:
        """The pieces of each word.

        Args:
          words: of a sentence.

        Returns:
          At least one piece a word, UNK where nothing else is left.
        """
        cut = []
        for word in words:
            # Words repeat: each is cut once.
            if word not in self._pieces:
                # Every word needs a unit that it owns.
                self._pieces[word] = self._processor.encode(word) or [UNK]
            cut.append(self._pieces[word])
        return cut

    def encode(self, words: Sequence[str]) -> EncodedText:
        """The pieces of all words.

        Args:
          words: of a sentence.

        Returns:
          Ids without BOS and EOS, and the word that each unit belongs to.
        """
        groups = self.groups(words)
        ids = [piece for group in groups for piece in group]
        owner = [index for index, group in enumerate(groups) for _ in group]
        return EncodedText(ids, owner)

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The words that the pieces before the first EOS spell; UNK reads `<unk>`.

        Args:
          ids: of units.

        Returns:
          The words.
        """
        pieces = [
            "<unk>" if index == UNK else self._processor.id_to_piece(index)
            for index in until_eos(ids, self.size)
        ]
        return split_words("".join(pieces).replace(BLANK, " "))

    @property
    def content(self) -> bytes:
        """The SentencePiece model, which its own tools read too."""
        return self._model

    def save(self, path: str | Path) -> None:
        """Write `content`.

        Args:
          path: of the file.
        """
        Path(path).write_bytes(self.content)

    @classmethod
    def load(cls, path: str | Path) -> "Subwords":
        """The model in a file.

        Args:
          path: of the file.

        Returns:
          The model.

        Raises:
          ValueError: naming a file that holds none.
        """
        try:
            return cls(Path(path).read_bytes())
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"{path} is not a subword model: {error}") from None


def load_codec(path: str | Path) -> Vocabulary | Subwords:
    """The vocabulary or subword model in a file, told apart by its first line.

    Args:
      path: of the file.

    Returns:
      What was saved there.

    Raises:
      ValueError: naming a file that is neither.
    """
    # ASCII: as many bytes as letters. A pipe is refused, and not waited for.
    start = read_bytes(path)[: len(HEADER)]
    return Vocabulary.load(path) if start == HEADER.encode() else Subwords.load(path)
