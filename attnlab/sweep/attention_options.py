"""Options of an attention that none of its choices takes.

`add("x", window="global", half_width=5)` says something that changes nothing: a mistake
more often than not, so it is one. A default, a config file's value and what a preset
pins may stand where nothing takes them.
"""

from collections.abc import Iterable, Sequence

from attnlab.attention import presets
from attnlab.estimators import RULES
from attnlab.settings import AttentionSettings, LearningSettings, TaskSettings

SECTION = "model"
AXES = ("score", "window", "normalizer", "read")
OPTIONS = tuple(name for name in AttentionSettings.model_fields if name not in AXES)


def _tables() -> dict[str, list[str]]:
    """The choices of each axis; plugins may have added some."""
    return {
        "score": [*presets.SCORES],
        "window": [*presets.WINDOWS],
        "normalizer": [*presets.NORMALIZERS, *presets.MONOTONIC],
        "read": [*presets.READS],
    }


def _by_learning() -> dict[str, set[str]]:
    """The options of the attention that learning rules take."""
    return {name: set(rule.options) & set(OPTIONS) for name, rule in RULES.items()}


def taken(settings: TaskSettings) -> set[str]:
    """The options of the attention that a run's choices take.

    Args:
      settings: of the run.

    Returns:
      Names in full, "model.half_width".
    """
    model = settings.model
    if not isinstance(model, AttentionSettings):
        return set()
    names = set(
        presets.options_of(
            score=model.score,
            window=model.window,
            normalizer=model.normalizer,
            read=model.read,
        )
    )
    if isinstance(settings, LearningSettings):
        names |= _by_learning().get(settings.estimator.learning, set())
    return {f"{SECTION}.{name}" for name in names}


def check_options(runs: Sequence[TaskSettings], names: Iterable[str]) -> None:
    """Refuse options that somebody has given and no run takes.

    Args:
      runs: the settings of the runs that they were given for; at least one should take
        each.
      names: in full, of the settings that were given, options or not.

    Raises:
      ValueError: a line for each option, with the choices that take it.
    """
    given = {
        f"{SECTION}.{name}" for name in OPTIONS for run in runs if _has_attention(run)
    }
    wrong = given.intersection(names).difference(*map(taken, runs))
    lines = [_line(name) for name in names if name in wrong]
    if lines:
        raise ValueError("\n".join(lines))


def _has_attention(run: TaskSettings) -> bool:
    return isinstance(run.model, AttentionSettings)


def _line(name: str) -> str:
    option = name.removeprefix(f"{SECTION}.")
    takers = takers_of(option)
    return f"{name} is given, and nothing takes it; these do: {', '.join(takers)}"


def takers_of(option: str) -> list[str]:
    """The choices that take an option.

    Args:
      option: one of OPTIONS.

    Returns:
      "window local-m", "read top-k", "learning top-k" and so on.
    """
    takers = []
    for axis, table in _tables().items():
        names = [name for name in table if option in presets.options_of(**{axis: name})]
        if len(names) < len(table):  # all, where a choice of another axis takes it
            takers += [f"{axis} {name}" for name in names]
    takers += [
        f"learning {rule}" for rule, names in _by_learning().items() if option in names
    ]
    return takers
