"""Statistical word aligners (sil-thot's), the baseline of attention's alignments."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from attnlab.metrics.links import Link, reverse
from attnlab.metrics.symmetrization import SYMMETRIZATIONS

Words = Sequence[str]

# Classes of thot.alignment. Iterations of training when none are asked for; eflomal
# schedules its own by the size of the corpus.
ALIGNERS = {
    "eflomal": "EflomalAlignmentModel",
    "fast_align": "FastAlignModel",
    "hmm": "HmmAlignmentModel",
    "ibm1": "Ibm1AlignmentModel",
    "ibm2": "Ibm2AlignmentModel",
}
ITERATIONS = 5


def align(
    training: Sequence[Sequence],
    pairs: Sequence[Sequence],
    *,
    model: str = "eflomal",
    symmetrize: str | None = None,
    iterations: int | None = None,
    seed: int = 0,
) -> list[set[Link]]:
    """The links of sentence pairs by a statistical aligner.

    It trains on `pairs`, too: that is how these programs are used (no gold links are
    read), and spares them unknown words. A pair starts with its source words and its
    target words, as `attnlab.text.pairs.Pair` and `GoldPair` do.

    Args:
      training: more pairs to train on.
      pairs: N, to be aligned.
      model: a name in ALIGNERS; each target word gets at most one source word.
      symmetrize: a name in SYMMETRIZATIONS, by which the links are combined with those
        of a second model, trained in reverse; None trains no second one.
      iterations: of training; None is ITERATIONS, or eflomal's own schedule.
      seed: of eflomal's sampler, the only random one.

    Returns:
      Links (t, s) of each pair.

    Raises:
      ValueError: for an unknown model or symmetrization, or iterations below 1.
      ImportError: without the package sil-thot.
    """
    check([model])
    if symmetrize is not None and symmetrize not in SYMMETRIZATIONS:
        choices = ", ".join(SYMMETRIZATIONS)
        raise ValueError(f"unknown symmetrization {symmetrize!r}; choose {choices}")
    if symmetrize is None:
        return _aligned(training, pairs, model, iterations, seed)
    both = align_both(training, pairs, model=model, iterations=iterations, seed=seed)
    combine = SYMMETRIZATIONS[symmetrize]
    return [combine(a, b) for a, b in zip(both.forward, both.backward, strict=True)]


class BothDirections(NamedTuple):
    """The links of an aligner that was trained twice.

    forward: links (t, s) of N pairs, at most one a target word. backward: links (t, s),
    at most one a source word. seconds: of the processor, all its cores together, that
    training and aligning took.
    """

    forward: list[set[Link]]
    backward: list[set[Link]]
    seconds: float


def align_both(
    training: Sequence[Sequence],
    pairs: Sequence[Sequence],
    *,
    model: str = "eflomal",
    iterations: int | None = None,
    seed: int = 0,
) -> BothDirections:
    """The links of `align` and those of a second model, trained in reverse.

    Args:
      training: more pairs to train on.
      pairs: N, to be aligned.
      model: a name in ALIGNERS.
      iterations: as of `align`.
      seed: as of `align`.

    Returns:
      The links of both, and how long they took.

    Raises:
      ValueError: for an unknown model, or iterations below 1.
      ImportError: without the package sil-thot.
    """
    began = time.process_time()
    forward = _aligned(training, pairs, model, iterations, seed)
    backward = _aligned(_turned(training), _turned(pairs), model, iterations, seed)
    return BothDirections(
        forward, [reverse(links) for links in backward], time.process_time() - began
    )


def check(models: Sequence[str]) -> None:
    """Refuse what would else be noticed only after the first model's training.

    Args:
      models: that are to be trained.

    Raises:
      ValueError: for one that is not in ALIGNERS.
      ImportError: without the package sil-thot.
    """
    _thot()
    for model in models:
        if model not in ALIGNERS:
            raise ValueError(f"unknown aligner {model!r}; choose {', '.join(ALIGNERS)}")


def _turned(pairs: Sequence[Sequence]) -> list[tuple[Words, Words]]:
    return [(pair[1], pair[0]) for pair in pairs]


def _aligned(
    training: Sequence[Sequence],
    pairs: Sequence[Sequence],
    model: str,
    iterations: int | None,
    seed: int,
) -> list[set[Link]]:
    """One direction's links (t, s) of each pair."""
    check([model])
    if iterations is not None and iterations < 1:
        raise ValueError(f"iterations must be at least 1, got {iterations}")
    train: list[tuple[Words, Words]]
    train = [(list(pair[0]), list(pair[1])) for pair in (*training, *pairs)]
    aligner = getattr(_thot(), ALIGNERS[model])()
    return _run(aligner, train, train[len(training) :], iterations, seed)


def _run(
    aligner: Any,
    train: list[tuple[Words, Words]],
    test: list[tuple[Words, Words]],
    iterations: int | None,
    seed: int,
) -> list[set[Link]]:
    if hasattr(aligner, "scheduled_iterations"):  # eflomal
        aligner.seed = seed
        aligner.deterministic = True
    for source, target in train:
        aligner.add_sentence_pair(source, target, 1)
    aligner.start_training()
    scheduled = getattr(aligner, "scheduled_iterations", ITERATIONS)
    for _ in range(scheduled if iterations is None else iterations):
        aligner.train()
    aligner.end_training()
    return [_best(aligner, source, target) for source, target in test]


def _best(aligner: Any, source: Words, target: Words) -> set[Link]:
    """The links of a pair; none if it is empty or longer than the aligner takes."""
    _, matrix = aligner.get_best_alignment(source, target)  # [S, T] of booleans
    return {
        (t, s) for t in range(len(target)) for s in range(len(source)) if matrix[s, t]
    }


def _thot() -> Any:
    try:
        from thot import alignment
    except ImportError as error:
        raise ImportError(
            "statistical aligners need the package sil-thot: pip install sil-thot"
        ) from error
    return alignment
