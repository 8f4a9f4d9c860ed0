"""Sequences for the report's page: what was given and said, and where heads were."""

import numpy as np

from attnlab.report.examples import ExampleSet, Json, packed
from attnlab.runs import Run
from attnlab.tasks.ntm.plots import examples_by_size, used

LONGEST = 240  # steps of a sequence that a screen can show


def examples(run: Run) -> ExampleSet | None:
    """One test sequence of each size.

    Args:
      run: finished.

    Returns:
      The sequences, the shortest first; None without any.
    """
    by_size = examples_by_size(run)
    fitting = [s for s in by_size if len(by_size[s]["scored"]) <= LONGEST]
    if not fitting:
        return None
    sizes = sorted(fitting, key=lambda size: [int(part) for part in size.split("x")])
    # Rows may be tested on other draws: only the sizes are common.
    shared: list[Json] = [{"source": [], "target": ["size", size]} for size in sizes]
    results: list[Json] = [{"panels": panels(by_size[size])} for size in sizes]
    return ExampleSet("sequence", "sequences", shared, results)


def panels(arrays: dict[str, np.ndarray]) -> list[Json]:
    """Everything of one sequence that has a number at each step.

    Args:
      arrays: as `attnlab.tasks.ntm.task.example` writes them, without the size.

    Returns:
      name, first and last (the numbers of its lines), steps, weights [lines, steps] as
      `packed`, of each; unscored steps of targets and outputs are in `gaps`.
    """
    scored = np.asarray(arrays["scored"], bool)
    gaps = np.flatnonzero(~scored).tolist()
    made = [_panel("inputs", arrays["inputs"])]
    for name in ("targets", "outputs"):
        made.append(_panel(name, arrays[name]) | {"gaps": gaps})
    slots = used(arrays["reads"], arrays["writes"])
    for kind in ("write", "read"):
        heads = np.moveaxis(arrays[f"{kind}s"], 1, 0)
        for number, weights in enumerate(heads, 1):
            name = f"{kind} {number}" if len(heads) > 1 else kind
            ends = {"first": int(slots[0]), "last": int(slots[-1])}
            ends["size"] = weights.shape[1]  # slots run round the end of the memory
            made.append(_panel(name, weights[:, slots]) | ends)
    return made


def _panel(name: str, numbers: np.ndarray) -> Json:
    """Numbers [T, lines] as a panel."""
    steps, lines = numbers.shape
    ends = {"first": 0, "last": lines - 1}
    return {"name": name, "steps": steps, "lines": lines, **ends, **packed(numbers.T)}
