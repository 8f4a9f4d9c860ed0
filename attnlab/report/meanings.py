"""What the numbers of a report mean, in words for whoever sees them for the first time.

Tables, the page and captions of figures take their words from here, and the glossary
says the same (tests/report/test_meanings.py).
"""

from collections.abc import Container, Sequence

from attnlab.metrics.registry import METRICS

# By the column's key.
COLUMNS: dict[str, str] = {
    "bleu": (
        "How many short word sequences a translation shares with the reference, 0 to "
        "100."
    ),
    "chrf": (
        "How many short letter sequences a translation shares with the reference, 0 "
        "to 100."
    ),
    "ter": (
        "Edits that make the reference of a translation, in hundredths of the "
        "reference's words."
    ),
    "accuracy": "Share of the test examples that are answered right.",
    "exact": "Share of the outputs that are right in every word.",
    "error_rate": "Edits to the closest reference, in hundredths of its symbols.",
    "aer": (
        "Alignment error rate: one minus the share of links that agree with gold, 0 is "
        "perfect. Missed sure links and links that are not possible make it worse."
    ),
    "aer_posterior": (
        "AER of the links by argmax of p(position | target word): where the model must "
        "have looked, once the word is known."
    ),
    "aer_best_head": (
        "AER of the attention's head that has the least on these very sentences; AER "
        "is that of the mean over heads."
    ),
    "aer_forward": "AER of the model from source to target alone.",
    "aer_backward": "AER of the model from target to source alone.",
    "agreement": "How far the links of the two directions agree; it needs no gold.",
    "pointing": "Share of the steps whose heaviest weight is on the gold.",
    "bits": "Loss of a whole sequence, in bits; 0 is perfect.",
    "bits_per_item": "Loss of one item of a sequence, in bits; 0 is perfect.",
    "perplexity": (
        "Exponential of the mean loss a word: as uncertain as a fair choice between so "
        "many words."
    ),
    "perplexity_argmax": (
        "The perplexity where every step reads its most probable position alone."
    ),
    "loss": "Mean loss of an example, in nats: minus log of the right answer's p.",
    "attention_entropy": (
        "Entropy of the weights of a target word, in nats: 0 where all weight is on "
        "one position."
    ),
    "parameters": "How many numbers training adjusts.",
    "tokens_per_second": "Speed of training, on the machine of the run.",
    "seconds_per_step": "Training time of an update, compilations left out.",
}
SEED = (
    "The number that random draws start from. Differences between two seeds are the "
    "noise of an experiment."
)
SPREAD = (
    "Mean of a row's seeds, and their standard deviation: how far a seed typically is "
    "from the mean."
)
# What a sign beside a number says: the row differs from the one it is compared with ...
DIFFERS = {
    "†": (
        "over seeds and test sentences together: trained again with other seeds and "
        "tested on other sentences of this kind, the two can be expected to differ the "
        "same way."
    ),
    "°": (
        "over test sentences alone: these trained models differ, but not by more than "
        "other seeds of the same two rows might (or one of the two has a single seed, "
        "and nobody knows)."
    ),
}
# The marks in maps, printed ones and the page's.
MARKS = {
    "weight": "weight 0 to 1",
    "sure": "sure gold link",
    "possible": "possible gold link",
    "sample": "drawn by a hard read",
    "centre": "centre p_t",
    "outside": "outside the window",
}
# How captions of curves go on.
BAND = "line: mean over seeds; band: one standard deviation either way"
RANGE = "line: mean over seeds; band: from the lowest seed to the highest"


def column(key: str) -> str:
    """What a column holds, and which way is better.

    Args:
      key: of the column.

    Returns:
      Sentences; "" for a column that is not known here.
    """
    better = METRICS[key].better if key in METRICS else 0
    way = {1: "Higher is better.", -1: "Lower is better.", 0: ""}[better]
    return " ".join(filter(None, (COLUMNS.get(key, ""), way)))


def terms(
    columns: Sequence[tuple[str, str]], signs: Container[str]
) -> list[tuple[str, str]]:
    """Everything that a table shows.

    Args:
      columns: (key, title) of each.
      signs: those that stand beside numbers, of DIFFERS.

    Returns:
      (term, what it means) in the order of the table.
    """
    rows = [(title, column(key)) for key, title in columns if column(key)]
    rows += [("±", SPREAD), ("seed", SEED)]
    beside = [sign for sign in DIFFERS if sign in signs]
    which = "The row differs from the one that it is compared with"
    return rows + [(sign, f"{which} {DIFFERS[sign]}") for sign in beside]
