"""The scores that systems are judged by: their names, titles, and which way is better.

Tables, learning curves, progress lines and the choice of the best checkpoint read this;
a task says which of them it has (`Task.scores`, result.json).
"""

from typing import NamedTuple


class Metric(NamedTuple):
    """How a score is shown.

    title: of its column and curve.
    digits: after the point.
    better: +1 high, -1 low, 0 neither.
    scale: it is shown times this.
    """

    title: str
    digits: int
    better: int
    scale: float = 1.0


METRICS: dict[str, Metric] = {
    "bleu": Metric("BLEU", 1, +1),
    "chrf": Metric("chrF", 1, +1),  # where `evaluate.metrics` or a report asks for it
    "ter": Metric("TER", 1, -1),  # likewise
    "accuracy": Metric("accuracy %", 1, +1, 100.0),
    "exact": Metric("exact %", 1, +1, 100.0),  # outputs right in every word
    "error_rate": Metric("error rate %", 2, -1, 100.0),  # edits a reference symbol
    "aer": Metric("AER", 3, -1),
    "aer_posterior": Metric("AER post.", 3, -1),
    "aer_best_head": Metric("AER best head", 3, -1),
    "aer_forward": Metric("AER fwd.", 3, -1),
    "aer_backward": Metric("AER bwd.", 3, -1),
    "agreement": Metric("agreement", 3, +1),  # of two directions, without any gold
    "pointing": Metric("pointing", 3, +1),  # steps whose heaviest weight is on the gold
    "bits": Metric("bits/sequence", 3, -1),
    "bits_per_item": Metric("bits/item", 4, -1),
    "perplexity": Metric("perplexity", 2, -1),
    "perplexity_argmax": Metric("by argmax", 2, -1),
    "loss": Metric("loss", 3, -1),  # nats an example
    "attention_entropy": Metric("entropy", 2, 0),
}
