"""The learning rules by name, and which choices go together.

    read       learning        feed                 what a step maximizes
    soft       cross-entropy   expected             log p(y | expected value)
    top-k      cross-entropy   expected             the same over the k likeliest
    hard       reinforce       expected or sampled  E_p log p(y | a), sampled
    hard       marginal        expected             log E_p p(y | a)
    hard       top-k           expected             the same over the k likeliest
    hard       chain           expected             log E_p p(y | a), a a chain
    hard       elbo            expected             E_q log p(y | a) - KL(q || p)
    hard       gumbel          expected or sampled  log p(y | relaxed sample)

`feed` says what the next state sees: the expected value, so that only the readout is
hard (Deng et al. 2018), or the sample (Xu et al. 2015).
"""

from attnlab.attention.presets import READS
from attnlab.estimators.chain_rule import CHAIN
from attnlab.estimators.elbo import ELBO
from attnlab.estimators.gumbel import GUMBEL
from attnlab.estimators.marginal import MARGINAL
from attnlab.estimators.reinforce import REINFORCE
from attnlab.estimators.rule import Rule
from attnlab.estimators.top_k import TOP_K
from attnlab.settings import AttentionSettings, ChainSettings, LearningSettings

RULES: dict[str, Rule] = {
    "cross-entropy": Rule(reads=("soft", "top-k"), of_steps=None),
    "reinforce": REINFORCE,
    "marginal": MARGINAL,
    "chain": CHAIN,
    "top-k": TOP_K,
    "elbo": ELBO,
    "gumbel": GUMBEL,
}


def learning_by_read() -> dict[str, tuple[str, ...]]:
    """The rules that each read can learn by.

    Returns:
      Names in RULES, in their order, by the name in READS.
    """
    return {
        read: tuple(name for name, rule in RULES.items() if read in rule.reads)
        for read in READS
    }


LEARNING: dict[str, tuple[str, ...]] = learning_by_read()


def rule_options(learning: str, feed: str = "expected") -> set[str]:
    """The settings in `estimator` that a learning rule takes.

    Args:
      learning: a name in RULES.
      feed: what the next state sees, "expected" or "sampled".

    Returns:
      Names of fields of `attnlab.settings.EstimatorSettings`, and "k" for `model.k`.

    Raises:
      ValueError: for an unknown rule, or a feed that it does not learn with.
    """
    if learning not in RULES:
        raise ValueError(f"unknown learning {learning!r}; choose {', '.join(RULES)}")
    rule = RULES[learning]
    if feed not in rule.feeds:
        feeds = ", ".join(rule.feeds)
        raise ValueError(
            f"{learning} does not learn with feed {feed!r}; choose {feeds}"
        )
    return {"learning", "feed", *rule.options}


def is_hard(model: AttentionSettings) -> bool:
    """Whether the read takes single positions.

    Args:
      model: the attention's settings.

    Returns:
      False for soft and top-k.
    """
    return "cross-entropy" not in LEARNING[model.read]


def is_local(model: AttentionSettings) -> bool:
    """Whether the attention looks through a window.

    Args:
      model: the attention's settings.

    Returns:
      True for local-m and local-p.
    """
    return model.window != "global" and model.score != "none"


def check_objective(settings: LearningSettings) -> None:
    """Checks that read, learning rule, feed and their options go together.

    Args:
      settings: of a run.

    Raises:
      ValueError: where they do not; it names the settings and what may be chosen.
    """
    chosen, read = settings.estimator, settings.model.read
    learning, feed, samples = chosen.learning, chosen.feed, chosen.samples
    rule = RULES[learning]
    if read not in rule.reads:
        listed = ", ".join(LEARNING[read])
        raise ValueError(
            f"a {read} read cannot learn by {learning}; estimator.learning: {listed}"
        )
    if read != "soft" and settings.model.score == "none":
        raise ValueError(
            f"model.score none leaves nothing for a {read} read; choose model.read soft"
        )
    _check_chain(settings)
    if feed not in rule.feeds:
        others = [name for name, rule in RULES.items() if feed in rule.feeds]
        raise ValueError(
            f"{learning} needs estimator.feed expected: with sampled contexts fed to "
            "the next step, the likelihood is a sum over all paths through the "
            f"sentence, not over positions; feed sampled: {', '.join(others)}"
        )
    if feed == "sampled" and "credit" in rule.options and chosen.credit == "step":
        raise ValueError(
            "estimator.credit step with estimator.feed sampled is biased: a sampled "
            "context enters the recurrence, so an action changes all later rewards; "
            "choose credit to-go or sentence, or feed expected"
        )
    enumerable = rule.enumerates and feed == "expected"
    if samples == 0 and "samples" in rule.options and not enumerable:
        raise ValueError(
            "estimator.samples 0 enumerates the positions of a step, which "
            f"{learning} with feed {feed} cannot; it must be positive"
        )
    if chosen.coin and ("coin" not in rule.options or samples == 0):
        raise ValueError(
            f"estimator.coin is {chosen.coin}: it lets a sentence read expected values "
            f"instead of samples, and {learning} with {samples} samples draws none"
        )


def _check_chain(settings: LearningSettings) -> None:
    """Checks that what makes a chain of reads and the rule chain go together."""
    model, learning = settings.model, settings.estimator.learning
    chained = RULES[learning].needs_transition
    if isinstance(model, ChainSettings):
        if not chained and (model.transition != "none" or model.null):
            raise ValueError(
                f"model.transition {model.transition} and model.null {model.null} are "
                f"for estimator.learning chain, not for {learning}"
            )
    elif chained:
        others = [name for name in LEARNING["hard"] if not RULES[name].needs_transition]
        raise ValueError(
            f"estimator.learning {learning} is for translation, not for "
            f"{settings.task}; choose {', '.join(others)}"
        )
