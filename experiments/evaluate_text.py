"""What `experiments.evaluate` prints of any text: runs, translations, links."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from attnlab.metrics import alignment_error_rate as aer
from attnlab.metrics.links import LinkSet
from attnlab.tasks.alignment.compare import REFERENCE, own_links
from attnlab.tasks.alignment.trained import TrainedAligner
from attnlab.tasks.translation.data import check_length, longest_sentence
from attnlab.tasks.translation.trained import TrainedTranslation
from attnlab.text.lines import link_pairs, read_lines
from attnlab.text.links import Links, read_pharaoh
from attnlab.text.other_links import LinkFile, links_of_gold, parse_link_file
from attnlab.text.pairs import GoldPair, Pair
from attnlab.text.words import split_words
from experiments import text_table
from experiments.configs import working
from experiments.text_table import System


def evaluate(loaded: Sequence[Any], options: argparse.Namespace) -> None:
    """Print one table of all that is asked on one text.

    Args:
      loaded: runs of translation and aligners.
      options: of the command line.

    Raises:
      ValueError: for options that do not go together, and files that do not fit.
      OSError: for a file that cannot be read or written.
    """
    _check(loaded, options)
    hypotheses = [_named(text) for text in options.hypotheses]
    files = [options.source_file] if options.source_file else []
    files += [*options.target_file, *(file for _, file in hypotheses)]
    texts = _read(files)
    sources = texts.pop(0) if options.source_file else []
    targets = [texts.pop(0) for _ in options.target_file]
    systems = [
        System(name, lines) for (name, _), lines in zip(hypotheses, texts, strict=True)
    ]
    references = _references(targets) if targets else None
    gold = _gold(options, sources, targets)
    judged = [System(file.name, None, links) for file, links in _links(options, gold)]
    ours = []
    for run, folder in zip(loaded, options.run, strict=True):
        with working(f"evaluating {folder}"):
            ours += _of_run(run, str(folder), options, sources, targets, gold)
    pairs = None if gold is None else [(pair.sure, pair.possible) for pair in gold]
    table = text_table.make_table(
        [*ours, *systems, *judged],
        references,
        pairs,
        tokenize=options.tokenize,
        lowercase=options.lowercase,
    )
    print(text_table.render(table))
    if options.out is not None:
        options.out.write_text(text_table.as_tsv(table), encoding="utf-8")


def _check(loaded: Sequence[Any], options: argparse.Namespace) -> None:
    for name in ("reverse", "baseline"):
        if getattr(options, name):
            raise ValueError(f"--{name} is for a run's own gold sets, not for files")
    if options.hypotheses and not options.target_file:
        raise ValueError("--hypotheses needs a --target-file to be judged by")
    if options.links and not options.gold_file:
        raise ValueError("--links needs a --gold-file, or a run whose corpus has gold")
    if loaded and not options.source_file:
        raise ValueError("a run needs a --source-file, or leave out the other files")
    if not (loaded or options.hypotheses or options.links):
        raise ValueError("give --run, --hypotheses or --links: nothing is to be judged")
    for run, folder in zip(loaded, options.run, strict=True):
        if isinstance(run, TrainedAligner) and not options.gold_file:
            raise ValueError(f"{folder} aligns: give --target-file and --gold-file")
        if not isinstance(run, TrainedAligner | TrainedTranslation):
            task = run.settings.task
            raise ValueError(f"{folder} is a run of {task}, which has no such text")
    if loaded and options.gold_file and not options.target_file:
        raise ValueError("a run aligns --source-file with a --target-file: give both")
    if options.out is not None and not options.out.parent.is_dir():
        raise ValueError(f"--out: no folder {options.out.parent}")


def _read(files: Sequence[Path]) -> list[list[str]]:
    """The lines of files, which must have as many."""
    texts = [read_lines(file) for file in files]
    for file, lines in zip(files, texts, strict=True):
        if len(lines) != len(texts[0]):
            raise ValueError(
                f"{files[0]} has {len(texts[0])} lines, {file} has {len(lines)}"
            )
    return texts


def _named(text: str) -> tuple[str, Path]:
    """`NAME=FILE`, or a file whose name is the row's."""
    name, equals, file = text.partition("=")
    return (name, Path(file)) if equals and name and file else (text, Path(text))


def _references(targets: Sequence[list[str]]) -> list[str]:
    """A line a sentence, with tabs between the references; an empty one is none."""
    lines = []
    for first, *others in zip(*targets, strict=True):
        words = [" ".join(split_words(line)) for line in (first, *others)]
        lines.append("\t".join([words[0], *filter(None, words[1:])]))
    return lines


def _gold(
    options: argparse.Namespace, sources: list[str], targets: Sequence[list[str]]
) -> list[GoldPair] | None:
    """The gold pairs; without text their words are not known, nor needed."""
    if not options.gold_file:
        return None
    file = parse_link_file(f"gold={options.gold_file}")
    if not (options.source_file and targets):
        return [GoldPair((), (), *marks) for marks in _marks(file)]
    pairs = [
        Pair(tuple(split_words(source)), tuple(split_words(target)))
        for source, target in zip(sources, targets[0], strict=True)
    ]
    return link_pairs(
        pairs,
        read_lines(file.path),
        str(file.path),
        one_based=file.one_based,
        target_first=file.target_first,
    )


def _marks(file: LinkFile) -> list[Links]:
    """The links of a file whose text is not there, unchecked by it."""
    marks = read_pharaoh(
        file.path, one_based=file.one_based, target_first=file.target_first
    )
    return marks[:: 2 if file.odd else 1]


def _links(
    options: argparse.Namespace, gold: list[GoldPair] | None
) -> list[tuple[LinkFile, Sequence[LinkSet]]]:
    """The links of each file of --links."""
    judged = []
    for text in options.links:
        file = parse_link_file(text)
        assert gold is not None  # `_check` has seen to it
        if options.source_file and options.target_file:
            links: Sequence[LinkSet] = links_of_gold(file, {"gold": gold})[1]
        else:
            links = [sure for sure, _ in _marks(file)]
            if len(links) != len(gold):
                raise ValueError(
                    f"{options.gold_file} has {len(gold)} lines, {file.path} has "
                    f"{len(links)}"
                )
        judged.append((file, links))
    return judged


def _of_run(
    run: TrainedAligner | TrainedTranslation,
    name: str,
    options: argparse.Namespace,
    sources: list[str],
    targets: Sequence[list[str]],
    gold: list[GoldPair] | None,
) -> list[System]:
    """The rows of a run: its translations and links, and links after the target."""
    if isinstance(run, TrainedAligner):
        assert gold is not None
        aligned = run.pair_aligner.align(run.params, gold)
        ways = own_links(aligned, run.settings.evaluate.threshold)
        return [System(name, None, ways[REFERENCE])]
    words = [run.words(line) for line in sources]
    _check_words(words, options.source_file, run)
    if not targets:
        raise ValueError("a run of translation needs a --target-file to be judged by")
    said = [str(each) for each in run.translate_all(sources, beams=options.beams)]
    given = [run.words(line) for line in targets[0]]
    _check_words(given, options.target_file[0], run)
    pairs = [Pair(tuple(a), tuple(b)) for a, b in zip(words, given, strict=True)]
    prior = list(run.align_all(pairs))
    losses = (
        np.array([-pair.log_probability for pair in prior]),
        np.array([pair.units for pair in prior]),
    )
    if gold is None:
        return [System(name, said, None, losses)]

    def links(aligned) -> list[LinkSet]:
        return [aer.links(pair.alignment, null=pair.null) for pair in aligned]

    posterior = links(run.align_all(pairs, kind="posterior"))
    return [
        System(name, said, links(prior), losses),
        System(f"{name}, posterior", None, posterior),
    ]


def _check_words(
    lines: Sequence[Sequence[str]], file: Path, run: TrainedTranslation
) -> None:
    limit = longest_sentence(run.settings)
    for number, words in enumerate(lines, 1):
        check_length(words, limit, f"{file}:{number}")
