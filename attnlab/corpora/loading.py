"""A corpus by name, its options checked as the settings of a run are."""

import inspect
from collections.abc import Callable, Mapping
from typing import TypeVar

from attnlab.parsing import near, parse, section_of
from attnlab.settings import DataSettings, with_corpora

Loaded = TypeVar("Loaded")


def load_corpus(
    loaders: Mapping[str, Callable[..., Loaded]], name: str, **options: object
) -> Loaded:
    """What the loader called `name` gives.

    Args:
      loaders: the loaders of a task by the corpus's name.
      name: one of them.
      **options: its keyword arguments; what is not given has its default.

    Returns:
      The corpus, of the task's own type.

    Raises:
      ValueError: for an unknown corpus or option, with the choices and what is near,
        and for a value that the loader does not take.
      MissingCorpus: where its files are not in the data folder.
    """
    if name not in loaders:
        choices = ", ".join(loaders)
        raise ValueError(
            f"unknown corpus {name!r}{near(name, [*loaders])}; choose {choices}"
        )
    parameters = list(inspect.signature(loaders[name]).parameters)
    for option in options:
        if option not in parameters:
            choices = ", ".join(parameters) or "nothing"
            raise ValueError(
                f"unknown option {option!r} of corpus {name!r}"
                f"{near(option, parameters)}; choose {choices}"
            )
    # The same check that a run's settings go through.
    kind = with_corpora(loaders)(DataSettings)
    field = kind.model_fields.get(name)
    section = section_of(field) if field is not None else None
    # An argument that is no setting, such as the folder that files lie in, is not
    # checked: no run's configuration could give it.
    settings = section.model_fields if section is not None else {}
    checked = {option: value for option, value in options.items() if option in settings}
    record = parse(kind, {"name": name} | ({name: checked} if checked else {}))
    return loaders[name](**options | {key: record.options[key] for key in checked})
