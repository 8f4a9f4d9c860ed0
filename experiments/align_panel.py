"""What `experiments.align` draws of several runs: their variants side by side."""

import argparse
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.align_words import unknown_words
from experiments.run_folders import check_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from attnlab.report.fonts import FontChoice
    from attnlab.runs import AlignedSentence, Run

Pairs = dict[str, "AlignedSentence"]  # by the name of the variant
ENDINGS = (".png", ".pdf", ".svg")


def draw_panels(options: argparse.Namespace) -> list[str]:
    """Draw a panel a sentence into one file.

    Args:
      options: of the command line.

    Returns:
      Lines on words that a run does not know, and letters that no font has.

    Raises:
      FileNotFoundError: for a folder that is no run, or has no alignments yet.
      ValueError: for what cannot be drawn.
    """
    from attnlab.report import figures
    from attnlab.report.fonts import choose_fonts

    _check(options)
    variants = _variants(options.run)
    lines: list[str] = []
    if options.source is None:
        sentences = _of_gold_set(variants, options)
    else:
        sentences = [_of_text(variants, options, lines)]
    words = [
        word
        for pairs in sentences
        for name, pair in pairs.items()
        for word in (*pair.source, *pair.target, name, options.title)
    ]
    fonts = choose_fonts(words, options.font)
    lines += _advice(fonts)
    with figures.font(fonts.families), warnings.catch_warnings():
        if fonts.missing:  # which has been said
            warnings.filterwarnings("ignore", "Glyph|.*has boxes for")
        pages = [_page(pairs, options) for pairs in sentences]
        figures.save_pages(pages, options.out, options.size)
    return lines


def _advice(fonts: "FontChoice") -> list[str]:
    advice = fonts.advice()
    return [advice] if advice else []


def _check(options: argparse.Namespace) -> None:
    """ValueError for a command line that asks for no panel."""
    if options.out.suffix not in ENDINGS:
        choices = ", ".join(ENDINGS)
        raise ValueError(f"--out is {str(options.out)!r}; it must end in {choices}")
    if (options.source is None) == (options.sentence is None):
        raise ValueError(
            "give --sentence=NUMBER of a gold set, or --source and --target"
        )
    if options.source is None and options.target:
        raise ValueError("--target is for --source, not for --sentence")
    if options.source is not None and options.gold:
        raise ValueError("--gold is for --sentence, not for --source")
    if options.source is not None and not options.target and len(options.run) > 1:
        raise ValueError(
            f"{len(options.run)} runs would translate --source in words of their own; "
            "give a --target that all are to say"
        )
    if options.sentence and len(options.sentence) > 1 and options.out.suffix != ".pdf":
        raise ValueError(
            f"{len(options.sentence)} sentences are pages of a .pdf, not of "
            f"{options.out}"
        )


def _variants(folders: Sequence[Path]) -> dict[str, "Run"]:
    """The runs by their rows' names, and by their seeds where rows repeat."""
    from attnlab import runs

    chosen = []
    for folder in dict.fromkeys(folders):
        check_run(folder)
        (run,) = runs.find(folder)
        chosen.append(run)
    rows = [run.row for run in chosen]
    names = [
        run.row if rows.count(run.row) == 1 else f"{run.row}, seed {run.seed}"
        for run in chosen
    ]
    return {
        name if names.count(name) == 1 else str(run.folder): run
        for name, run in zip(names, chosen, strict=True)
    }


def _of_gold_set(
    variants: Mapping[str, "Run"], options: argparse.Namespace
) -> list[Pairs]:
    """The sentences asked for, each by all variants."""
    from attnlab import runs

    sentences: list[Pairs] = [{} for _ in options.sentence]
    for name, run in variants.items():
        sets = runs.read_alignments(run.folder)
        pairs = _set(sets, options.gold, run.folder)
        loaded = None
        for number, page in zip(options.sentence, sentences, strict=True):
            if not 1 <= number <= len(pairs):
                raise ValueError(
                    f"--sentence is {number}; {run.folder} has 1 to {len(pairs)}"
                )
            pair = pairs[number - 1]
            if options.kind == "posterior":
                loaded = loaded or _load(run.folder)
                source, target = " ".join(pair.source), " ".join(pair.target)
                aligned = _align(loaded, source, target, options.kind)
                pair = pair._replace(weights=aligned.alignment)
            page[name] = pair
    return sentences


def _set(
    sets: Mapping[str, list["AlignedSentence"]], name: str | None, folder: Path
) -> list["AlignedSentence"]:
    if name is None and len(sets) == 1:
        return next(iter(sets.values()))
    if name is None or name not in sets:
        problem = "no --gold is named" if name is None else f"unknown --gold {name!r}"
        raise ValueError(f"{problem}; of {folder} choose {', '.join(sets)}")
    return sets[name]


def _of_text(
    variants: Mapping[str, "Run"], options: argparse.Namespace, lines: list[str]
) -> Pairs:
    """Words of the user's own by all variants; lines on words that they don't know."""
    from attnlab.runs import AlignedSentence

    pairs: Pairs = {}
    for name, run in variants.items():
        loaded = _load(run.folder)
        if options.target:
            aligned = _align(loaded, options.source, options.target, options.kind)
        else:
            aligned = _translate(loaded, options)
        lines += unknown_words(loaded, options.source, options.target)
        pairs[name] = AlignedSentence(aligned.source, aligned.target, aligned.alignment)
    return pairs


def _load(folder: Path) -> Any:
    """A run that aligns: TrainedTranslation or TrainedAligner."""
    from attnlab.training.start import prepare_process

    prepare_process()
    import attnlab

    run = attnlab.load(folder)
    if not hasattr(run, "align"):
        task = run.settings.task
        raise ValueError(f"{folder} is a run of {task}, which aligns no words")
    return run


def _align(run: Any, source: str, target: str, kind: str) -> Any:
    if not hasattr(run, "translate"):  # an aligner's weights are posteriors
        return run.align(source, target)
    return run.align(source, target, kind=kind)


def _translate(run: Any, options: argparse.Namespace) -> Any:
    if not hasattr(run, "translate"):
        raise ValueError(f"{run.folder} does not translate; give a --target")
    if options.kind == "posterior":
        raise ValueError("--kind=posterior needs a --target")
    return run.translate(options.source, beams=options.beams)


def _page(pairs: Pairs, options: argparse.Namespace) -> "Figure":
    from attnlab.report import heatmaps
    from attnlab.report.paper_size import fit_panel
    from attnlab.report.sentence_pairs import titled

    first = next(iter(pairs.values()))
    gold = "gold" if first.possible else None
    by_title = {titled(name, pair): pair for name, pair in pairs.items()}
    draw = partial(heatmaps.panel, by_title, gold=gold, title=options.title)
    if options.size is None:
        return draw()
    return fit_panel(
        lambda columns, cell: draw(columns=columns, cell=cell),
        len(pairs) + (gold is not None),
        (len(first.source), len(first.target)),
        options.size,
    )
