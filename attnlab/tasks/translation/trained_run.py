"""A finished run as a translator: `attnlab.load(folder)`.

run = attnlab.load("runs/luong/local-p-general/0")
run.translate("la chambre se reunit a deux heures").plot("alignment.png")
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from attnlab import runs
from attnlab.estimators.objective import initial_estimator_state
from attnlab.tasks.translation.task import (
    build_translator,
    init_params,
    read_codecs,
    search_of,
)
from attnlab.tasks.translation.translator import Translator
from attnlab.text.pairs import Pair
from attnlab.training.checkpoint import Checkpoints
from attnlab.training.optimizers import make_optimizer, make_schedule
from attnlab.training.run import learned_fingerprint
from attnlab.training.step import init_state


class AlignedTranslation(NamedTuple):
    """A sentence, its translation and who looked where.

    `alignment` is [T, S]: row t are the weights over the source words that chose target
    word t. `score` is the log-probability, divided by the length penalty where a
    beam searched, nan where the translation was given.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    alignment: np.ndarray
    score: float

    def __str__(self) -> str:
        return " ".join(self.target)

    def links(self) -> set[tuple[int, int]]:
        """(t, s): the most attended source word of each target word."""
        from attnlab.metrics.aer import argmax_links

        return argmax_links(self.alignment)

    def plot(self, path: str | Path, *, title: str = "") -> list[Path]:
        """Draw the alignment as a heat map; the files written.

        The ending of `path` says what: .png or .pdf; without one, both. ValueErrors
        name another ending, and a translation without a word.
        """
        ending = Path(path).suffix
        if ending not in ("", ".png", ".pdf"):
            raise ValueError(f"cannot write {ending!r}; choose .png, .pdf, or neither")
        if not self.target:
            source = " ".join(self.source)
            raise ValueError(f"the translation of {source!r} is empty: nothing to plot")
        from attnlab.report import figures, heatmaps

        sentence = runs.AlignedSentence(self.source, self.target, self.alignment)
        figure = heatmaps.heat_map(sentence, title=title)
        formats = [ending.removeprefix(".")] if ending else ["png", "pdf"]
        return figures.save(figure, Path(path).with_suffix(""), formats)


class TrainedRun(NamedTuple):
    """A run folder with its best parameters."""

    folder: Path
    config: Mapping[str, Any]
    step: int
    params: Any
    translator: Translator

    def translate(self, text: str | Sequence[str], *, beams: int | None = None) -> Any:
        """The translation of a sentence, or the list of those of many.

        Text is split at blanks, as the corpus was; unknown words are read as <unk>.
        `beams` is the configuration's where not given.
        """
        search = search_of(self.config["evaluate"], beams)
        sentences = [text] if isinstance(text, str) else list(text)
        words = [sentence.split() for sentence in sentences]
        for sentence, split in zip(sentences, words, strict=True):
            if not split:
                raise ValueError(f"there is no word in {sentence!r}")
        found = self.translator.translate(self.params, words, search)
        aligned = [AlignedTranslation(*translation) for translation in found]
        return aligned[0] if isinstance(text, str) else aligned

    def align(
        self, source: str, target: str, *, kind: str = "prior"
    ) -> AlignedTranslation:
        """The alignment of a given pair, the target being forced.

        `kind` is "prior" (the attention's weights) or "posterior" (the target word is
        read too); see `Translator.align`.
        """
        pair = Pair(tuple(source.split()), tuple(target.split()))
        if not (pair.source and pair.target):
            raise ValueError(f"a side of the pair is empty: {source!r}, {target!r}")
        weights = self.translator.align(self.params, [pair], kind)[0]
        return AlignedTranslation(pair.source, pair.target, weights, float("nan"))


def load(folder: str | Path) -> TrainedRun:
    """The best checkpoint of a run folder, ready to translate.

    Works on a run that is still training, as soon as it has a checkpoint. Raises
    FileNotFoundError where there is no run or no checkpoint yet, ValueError where its
    files are damaged or it is a run of another task.
    """
    folder = Path(folder)
    config = runs.read_json(folder / runs.CONFIG)
    task = config.get("task", "translation")
    if task != "translation":
        raise ValueError(f"{folder} is a run of task {task!r}; only translate loads")
    source, target = read_codecs(folder)
    translator = build_translator(config, source, target)
    train = config["train"]
    tx = make_optimizer(train, make_schedule(train, epoch=1))
    init = partial(init_params, translator.model)
    template = jax.eval_shape(
        partial(init_state, init, tx, initial_estimator_state(), config["seed"])
    )
    checkpoints = Checkpoints(
        folder / runs.CHECKPOINTS, fingerprint=learned_fingerprint(config)
    )
    restored = checkpoints.restore_best(template)
    if restored is None:
        raise FileNotFoundError(f"no checkpoint that verifies in {checkpoints.folder}")
    return TrainedRun(folder, config, restored.step, restored.state.params, translator)
