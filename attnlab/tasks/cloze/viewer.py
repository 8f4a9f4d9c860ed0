"""Passages for the report's page: every word with its weight in the last look."""

from attnlab import runs
from attnlab.report.examples import ExampleSet, answers, packed
from attnlab.runs import Run
from attnlab.tasks.cloze.plots import darkest, read_looks

MOST = 200  # questions: their passages are long


def examples(run: Run) -> ExampleSet | None:
    """The first test questions of a run.

    Args:
      run: finished.

    Returns:
      MOST passages at most; None of a reader without attention.
    """
    if not (run.folder / runs.ALIGNMENTS).exists():
        return None
    looks = read_looks(run, run.alignments()["test"])[:MOST]
    if not looks:
        return None
    shared = [
        {
            "source": list(look.passage),
            "target": list(look.query),
            "support": sorted(look.support),
            "answer": look.answer,
            "names": dict(look.names),
        }
        for look in looks
    ]
    results = [
        {
            **packed(look.weights),
            "darkest": darkest(look),
            **answers(look.said, look.answer),
        }
        for look in looks
    ]
    return ExampleSet("passage", "questions", shared, results)
