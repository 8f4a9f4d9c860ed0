"""The vocabularies of a run: written down once, and made again where damaged."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from attnlab import runs
from attnlab.text.subwords import Codec, load_codec
from attnlab.text.vocabulary import SPECIALS, Vocabulary


def load_or_build(
    folder: Path, names: Sequence[str], make: Callable[[], Sequence[Codec]]
) -> list[Codec]:
    """The vocabularies of a run from its folder, or newly built and written there.

    What is there and not what was written is made again, which has to give the same.

    Args:
      folder: of the run.
      names: of the files, one a vocabulary.
      make: builds them from the text.

    Returns:
      The vocabularies.

    Raises:
      ValueError: where the text has changed meanwhile.
    """
    damaged = _damaged(folder, names)
    if all((folder / name).is_file() for name in names) and not damaged:
        return [load_codec(folder / name) for name in names]
    codecs = make()
    contents = {name: codec.content for name, codec in zip(names, codecs, strict=True)}
    for name, content in contents.items():
        if not _is_what_was_written(folder, name, content):
            what = "damaged" if (folder / name).is_file() else "missing"
            raise ValueError(
                f"{folder / name} is {what}, and the corpus now gives another one; "
                "remove the folder to train anew"
            )
    for name, content in contents.items():
        if name in damaged:
            message = f"{folder / name} is damaged and made anew"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        runs.write_bytes(folder / name, content, folders=False)
    # After the files: a kill in between leaves them unlisted, which counts as sound.
    runs.list_files(folder, contents)
    return list(codecs)


def load(folder: Path, names: Sequence[str]) -> list[Codec]:
    """The vocabularies of a run.

    Args:
      folder: of the run.
      names: of the files.

    Returns:
      The vocabularies.

    Raises:
      ValueError: naming a file that is not what was written.
    """
    for name in _damaged(folder, names):
        raise ValueError(f"{folder / name} is damaged: see {runs.MANIFEST}")
    return [load_codec(folder / name) for name in names]


def _damaged(folder: Path, names: Sequence[str]) -> list[str]:
    """The files that are there and not what the list says, or have no sound list."""
    there = [name for name in names if (folder / name).is_file()]
    try:
        return [name for name in there if not runs.intact(folder, name)]
    except ValueError:
        return there


def _is_what_was_written(folder: Path, name: str, content: bytes) -> bool:
    """Whether a file had this content by its list, or has it; or nobody can tell."""
    path = folder / name
    try:
        listed = runs.read_manifest(folder).get(name)
    except ValueError:
        listed = None
    if path.is_file() and path.read_bytes() == content:
        return True
    # Nobody can tell: a missing file may be written, a different one not replaced.
    if listed is None:
        return not path.is_file()
    return listed == runs.digest(content)


def not_empty(vocabulary: Vocabulary, min_count: int, side: str = "") -> Vocabulary:
    """A vocabulary that was built from training text, if it has a word.

    Args:
      vocabulary: of whole words.
      min_count: times that a word had to occur.
      side: of parallel text, "source" or "target".

    Returns:
      The same vocabulary.

    Raises:
      ValueError: where nothing would be known.
    """
    if vocabulary.size == len(SPECIALS):
        raise ValueError(
            f"data.min_count is {min_count}, and no {f'{side} word'.strip()} of the "
            "training text occurs as often: nothing would be known"
        )
    return vocabulary
