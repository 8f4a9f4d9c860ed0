"""Statistical word aligners (sil-thot's), the baseline of attention's alignments."""

from collections.abc import Sequence
from typing import Any

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
    thot = _thot()
    if model not in ALIGNERS:
        raise ValueError(f"unknown aligner {model!r}; choose {', '.join(ALIGNERS)}")
    if symmetrize is not None and symmetrize not in SYMMETRIZATIONS:
        choices = ", ".join(SYMMETRIZATIONS)
        raise ValueError(f"unknown symmetrization {symmetrize!r}; choose {choices}")
    if iterations is not None and iterations < 1:
        raise ValueError(f"iterations must be at least 1, got {iterations}")
    train: list[tuple[Words, Words]]
    train = [(list(pair[0]), list(pair[1])) for pair in (*training, *pairs)]
    test = train[len(training) :]

    def run(train: list[tuple[Words, Words]], test: list[tuple[Words, Words]]):
        aligner = getattr(thot, ALIGNERS[model])()
        return _run(aligner, train, test, iterations, seed)

    forward = run(train, test)
    if symmetrize is None:
        return forward
    backward = run([(t, s) for s, t in train], [(t, s) for s, t in test])
    combine = SYMMETRIZATIONS[symmetrize]
    return [
        combine(links, reverse(reversed_links))
        for links, reversed_links in zip(forward, backward, strict=True)
    ]


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
