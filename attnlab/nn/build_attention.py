"""The attention of a run's settings, and the transition between its reads."""

from attnlab.attention.base import Attention
from attnlab.attention.presets import build, options_of
from attnlab.attention.transitions import Transition, make_transition
from attnlab.settings import ChainSettings, LearningSettings


def build_attention(settings: LearningSettings, fixed: str = "last") -> Attention:
    """The attention that a model is built with.

    Args:
      settings: of the run; `model` has the four choices and their options. By the
        learning rule gumbel a hard read learns relaxed, so it is built as
        straight-through.
      fixed: what a score "none" reads in every step, see
        `attnlab.attention.fixed_context`.

    Returns:
      The record of functions that the model calls.
    """
    model = settings.model
    relaxed = model.read == "hard" and settings.estimator.learning == "gumbel"
    read = "straight-through" if relaxed else model.read
    choices = (model.score, model.window, model.normalizer, read)
    # By name: an option of a choice is a field of the settings, and nothing here.
    options = model.model_dump(include=options_of(*choices))
    if model.score == "none":
        options["fixed"] = fixed  # follows from the encoder, so that it is no setting
    heads = getattr(model, "heads", 1)  # of tasks that have them
    return build(*choices, heads=heads, **options)


def transition_of(settings: LearningSettings) -> Transition | None:
    """The transition that a model is built with.

    Args:
      settings: of the run.

    Returns:
      The Transition; None where reads do not follow one another.
    """
    model = settings.model
    if settings.estimator.learning != "chain" or not isinstance(model, ChainSettings):
        return None
    return make_transition(model.transition, reach=model.reach)
