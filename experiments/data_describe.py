"""What `experiments.data describe` prints and draws: a corpus in numbers."""

import json
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from attnlab import tasks
from attnlab.corpora import catalogue, folder
from attnlab.corpora.corpus_stats import CorpusDescription
from attnlab.corpora.loading import load_corpus
from attnlab.settings import TaskSettings
from attnlab.task import TaskSpec
from experiments.configs import last_line, working
from experiments.data_files import print_table


def option(text: str) -> tuple[str, object]:
    """An option of a loader.

    Args:
      text: "size=full"; numbers, lists, true and false are JSON.

    Returns:
      Name and value: ("size", "full").

    Raises:
      ValueError: for text without "=".
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--option={text} is not NAME=VALUE")
    try:
        return name, json.loads(value.lower() if value in ("True", "False") else value)
    except ValueError:
        return name, value


def describe_name(name: str, options: Mapping[str, object], plot: Path | None) -> None:
    """Print, and draw, what a corpus of the catalogue is like.

    Args:
      name: of the corpus.
      options: of its loader; without any all of it is described.
      plot: the figure to write.

    Raises:
      ValueError: for unknown names and options, and damaged files.
    """
    entry = catalogue.find(tasks.catalogue(), name)
    spec = tasks.spec(entry.task)
    setting = entry.setting or name
    with working(f"reading {name}"):
        try:
            corpus = load_corpus(spec.corpora, setting, **options or entry.whole)
        except folder.MissingCorpus:
            raise
        except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")
            raise ValueError(
                f"{name} cannot be read: {reason}; `verify {name}` says what is damaged"
            ) from None
        description = _described(spec, corpus, None)
    _show(name, description, plot)


def describe_config(config: Mapping[str, object], plot: Path | None) -> None:
    """Print, and draw, what the corpus of a config is like, and its batches.

    Args:
      config: a ConfigDict, or what a config.json holds.
      plot: the figure to write.

    Raises:
      ValueError: for wrong settings and damaged files.
    """
    settings = tasks.parse_settings(config)
    with working(f"reading {settings.data.name}"):
        corpus = settings.data.load()
        description = _described(tasks.spec(settings.task), corpus, settings)
    _show(settings.data.name, description, plot)


def _described(
    spec: TaskSpec, corpus: object, settings: TaskSettings | None
) -> CorpusDescription:
    if spec.describe is None:
        raise ValueError(f"task {spec.name!r} says nothing of its corpora")
    return spec.describe(corpus, settings)


def _show(name: str, description: CorpusDescription, plot: Path | None) -> None:
    print("\n".join([f"{name}: {description.about}", *description.notes, ""]))
    for table in description.tables:
        print_table(table)
    if plot is None:
        last_line(f"{name} was read, and no file written; --plot=FILE draws it")
        return
    from attnlab.report import corpus_plots, figures

    draw = description.figure or (
        lambda: corpus_plots.corpus_panels(description.panels)
    )
    (written,) = figures.save(draw(), plot.with_suffix(""), (plot.suffix[1:],))
    print(f"wrote {written}")
