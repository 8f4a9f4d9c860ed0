"""An algorithmic problem in numbers: its sequences, and what of them is scored."""

from attnlab.corpora import corpus_stats as stats
from attnlab.corpora.corpus_stats import CorpusDescription, CorpusTable, number, share
from attnlab.tasks.ntm.data import Problem, label, stream

ROWS = 64  # sequences drawn of a size


def describe(corpus: Problem, settings: object = None) -> CorpusDescription:
    """Tables and panels of a problem.

    Args:
      corpus: the problem.
      settings: of a run; they change nothing.

    Returns:
      Steps of its sizes; of training, the smallest and the largest are shown.
    """
    del settings
    about = (
        f"{corpus.inputs} inputs and {corpus.outputs} outputs a step; trained on "
        f"{len(corpus.training)} sizes, each as likely as the others, of which the "
        "smallest and the largest are shown."
    )
    sizes = [("train", min(corpus.training)), ("train", max(corpus.training))]
    sizes += [("test", size) for size in corpus.test]
    rows = []
    for split, size in dict.fromkeys(sizes):
        batch = corpus.draw(stream("test", 0), ROWS, size)
        ones = float(batch.targets[batch.scored].mean())
        scored = share(float(batch.scored.mean()))
        steps = number(corpus.steps(size))
        rows.append([f"{split} {label(size)}", steps, scored, share(ones)])
    lengths = {"train": [corpus.steps(size) for size in corpus.training]}
    columns = ["size", "steps", "of them scored", "ones among scored bits"]
    return CorpusDescription(
        about,
        [
            CorpusTable("sequences", columns, rows),
            stats.lengths_table(lengths, "steps of all sizes"),
        ],
        [stats.lengths_panel(lengths, "steps of a sequence")],
    )
