"""What `experiments.data describe` prints and draws."""

import json
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attnlab.corpora import loading
from attnlab.corpora.describe import CorpusDescription, describe
from attnlab.corpora.folder import MissingCorpus
from attnlab.text import padding
from attnlab.text.pairs import Corpus
from experiments.corpora import aligned, at_work


def of_name(name: str, options: Mapping[str, Any], plot: Path | None) -> None:
    """A corpus of the catalogue: as the options of its loader say, else all of it."""
    with at_work(f"reading {name}"):
        found = describe(_read(name, options or loading.WHOLE.get(name, {})), name)
    _print(found)
    if plot is not None:
        _draw(found, plot)


def _read(name: str, options: Mapping[str, Any]) -> Any:
    """What the loader gives; a ValueError for damaged files and odd options."""
    try:
        return loading.load(name, **options)
    except MissingCorpus:
        raise
    except TypeError as error:
        given = ", ".join(f"{key}={value}" for key, value in options.items())
        raise ValueError(f"{name} does not take {given}: {error}") from None
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")
        raise ValueError(
            f"{name} cannot be read: {reason}; `verify {name}` says what is damaged"
        ) from None


def option(given: str) -> tuple[str, Any]:
    """ "size=full" -> ("size", "full"); numbers, lists, true, false are JSON."""
    name, equals, value = given.partition("=")
    if not equals:
        raise ValueError(f"--option={given} is not NAME=VALUE")
    try:
        return name, json.loads(value.lower() if value in ("True", "False") else value)
    except ValueError:
        return name, value


def of_config(config: Mapping[str, Any], plot: Path | None) -> None:
    """The corpus of a config with its options; of a translation its batches, too.

    Not so of text that is streamed from shards, which have their widths already.
    """
    with at_work(f"reading {config['data']['name']}"):
        corpus = _load(config)
        found = describe(corpus, config["data"]["name"])
    _print(found)
    if config["task"] == "translation" and isinstance(corpus.train, list):
        _batches(config, corpus, plot)
    elif plot is not None:
        _draw(found, plot)


def _batches(config: Mapping[str, Any], corpus: Corpus, plot: Path | None) -> None:
    """What this config makes of a training text."""
    from attnlab.corpora import length_plot
    from attnlab.tasks.translation import task

    source, target = task.make_codecs(config, corpus)
    pairs_ids = task.training_pairs(config, corpus, source, target)
    batches = task.make_batches(config, pairs_ids)
    found = padding.lengths_of(pairs_ids)
    sides = (
        padding.side([ids for ids, _ in pairs_ids], source.size),
        padding.side([ids for _, ids in pairs_ids], target.size),
    )
    print("training as this config has it: ", end="")
    print("\n".join(padding.describe(batches, found, *sides)))
    if plot is not None:
        widths = [(shape.source, shape.target) for shape in batches.shapes]
        figure = length_plot.pair_lengths(found, widths)
        _save(figure, plot)


def _load(config: Mapping[str, Any]) -> Any:
    """The corpus of a config, by the task's own reading of it."""
    from attnlab.tasks.captioning.setup import load_pictures
    from attnlab.tasks.classification.task import load_corpus as load_sentences
    from attnlab.tasks.cloze.task import load_questions
    from attnlab.tasks.memn2n.task import load_stories
    from attnlab.tasks.ntm.task import make_problem
    from attnlab.tasks.translation.task import load_corpus

    readers = {
        "translation": load_corpus,
        "captioning": load_pictures,
        "cloze": load_questions,
        "memn2n": load_stories,
        "classification": load_sentences,
        "ntm": make_problem,
    }
    return readers[config["task"]](config)


def _print(found: CorpusDescription) -> None:
    print("\n".join([f"{found.name}: {found.about}", *found.notes, ""]))
    for table in found.tables:
        print(aligned(table))


def _draw(found: CorpusDescription, path: Path) -> None:
    from attnlab.corpora import plots

    _save(plots.portrait(found.panels), path)


def _save(figure: Any, path: Path) -> None:
    from attnlab.report import figures

    (written,) = figures.save(figure, path.with_suffix(""), (path.suffix[1:],))
    print(f"wrote {written}")
