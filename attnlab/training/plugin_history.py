"""Which files of plugins a run has been trained with: "plugins" in environment.json.

{"my_scores": ["<sha256> my_scores.py", ...]}      the last one last
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from attnlab import plugins, runs

History = dict[str, list[str]]


def read_history(folder: Path) -> History:
    """The plugins that a run was trained with so far.

    Args:
      folder: the run's.

    Returns:
      Digests by the plugin's name; {} where nothing is known.
    """
    try:
        record = runs.read_json(folder / runs.ENVIRONMENT).get("plugins")
    except (OSError, ValueError):
        return {}
    named = record.items() if isinstance(record, Mapping) else ()
    return {
        name: digests
        for name, digests in named
        if isinstance(digests, list)
        and digests
        and all(isinstance(digest, str) for digest in digests)
    }


def go_on_with(former: History, names: Sequence[str]) -> tuple[History, list[str]]:
    """The plugins of a run that begins or goes on.

    Args:
      former: its history; {} where nothing was learned yet.
      names: of its plugins, which are imported.

    Returns:
      The history with the files of now, and a line for each that has changed.
    """
    here = plugins.digests(names)
    history, lines = {}, []
    for name, digest in here.items():
        history[name] = digests = list(former.get(name, []))
        if digests and _content(digests[-1]) == _content(digest):
            continue
        if digests:
            then, now = _content(digests[-1])[:8], _content(digest)[:8]
            lines.append(
                f"plugin {name} has changed since the run began (sha256 {then}..., now "
                f"{now}...); it goes on with the new one"
            )
        digests.append(digest)
    return history, lines


def changed_since(folders: Iterable[Path], names: Sequence[str]) -> list[str]:
    """Which plugins have changed since runs were trained with them.

    Args:
      folders: of the runs, finished ones too.
      names: of the plugins, which are imported.

    Returns:
      A line for each such plugin.
    """
    here = plugins.digests(names)
    counts = Counter(
        name
        for folder in folders
        for name, digests in read_history(folder).items()
        if name in here and _content(digests[-1]) != _content(here[name])
    )
    return [
        f"plugin {name} has changed since {count} of these runs "
        f"{'was' if count == 1 else 'were'} trained with it"
        for name, count in counts.items()
    ]


def _content(digest: str) -> str:
    """The sha256 of "<sha256> my_scores.py"."""
    return digest.split(" ")[0]
