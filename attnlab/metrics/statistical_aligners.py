"""Statistical word aligners (sil-thot's), the baseline of attention's alignments."""

from collections.abc import Sequence
from typing import Any

from attnlab.metrics.symmetrize import SYMMETRIZATIONS

Link = tuple[int, int]
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
    training: Sequence[Sequence[Any]],
    pairs: Sequence[Sequence[Any]],
    *,
    model: str = "eflomal",
    symmetrize: str | None = None,
    iterations: int | None = None,
    seed: int = 0,
) -> list[set[Link]]:
    """The links (t, s) of each of `pairs`; the aligner trains on them and `training`.

    A pair starts with its source words and its target words, e.g. a `data.corpus.Pair`
    or `GoldPair`. Training on the text to be aligned is how these programs are used (no
    gold links are read), and spares them unknown words.

    model: a name in ALIGNERS; each target word gets at most one source word. With
    symmetrize, a name in SYMMETRIZATIONS, a second model is trained in reverse and the
    two are combined. seed: of eflomal's sampler, the only random one.
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
        combine(links, {(t, s) for s, t in reverse})
        for links, reverse in zip(forward, backward, strict=True)
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
