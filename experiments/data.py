"""Describe the training text of a configuration, and the batches made of it.

    python -m experiments.data describe --config=configs/multi30k.py \\
        --plot=lengths.png

Prints pairs, vocabularies, unknown words and lengths, then the shapes that batches have
(rows, source width, target width), how much of them is padding, and how much would be
in random batches. --plot draws the lengths with the shapes over them.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import app, flags
from ml_collections import config_flags

from experiments.configs import launch

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "configs/translate.py[:preset]", lock_config=True
)
_PLOT = flags.DEFINE_string("plot", None, "Also draw the lengths: a .png or .pdf file.")


def main(arguments: Sequence[str]) -> None:
    if list(arguments) != ["describe"]:
        raise app.UsageError(f"say `describe`, not {' '.join(arguments) or 'nothing'}")
    if _CONFIG.value is None:
        raise app.UsageError("give --config=configs/translate.py")
    plot = Path(_PLOT.value) if _PLOT.value else None
    if plot is not None and plot.suffix not in (".png", ".pdf"):
        raise app.UsageError(f"--plot is {str(plot)!r}; choose a .png or a .pdf file")

    from attnlab.data import describe
    from attnlab.report import figures, lengths
    from attnlab.tasks import translate

    config = json.loads(_CONFIG.value.to_json())
    try:
        corpus = translate.load_corpus(config)
        source, target = translate.make_codecs(config, corpus)
        pairs_ids = translate.training_pairs(config, corpus, source, target)
        batches = translate.make_batches(config, pairs_ids)
    except (FileNotFoundError, ValueError) as error:
        raise app.UsageError(str(error)) from None
    found = describe.lengths_of(pairs_ids)
    sides = (
        describe.side([ids for ids, _ in pairs_ids], source.size),
        describe.side([ids for _, ids in pairs_ids], target.size),
    )
    print(f"{corpus.name}, {corpus.source_language} to {corpus.target_language}")
    print("\n".join(describe.describe(batches, found, *sides)))
    if plot is not None:
        widths = [(shape.source, shape.target) for shape in batches.shapes]
        figure = lengths.pair_lengths(found, widths)
        (written,) = figures.save(figure, plot.with_suffix(""), (plot.suffix[1:],))
        print(f"wrote {written}")


if __name__ == "__main__":
    sys.exit(launch(main, "data"))
