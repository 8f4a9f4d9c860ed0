"""A job of a sweep that learns nothing: copies a finished run's files into its folders.

    python -m benchmarks.dummy_run RUN_FOLDER... --quiet --wait

`benchmarks.reports` puts it in the place of `attnlab.training.run`. It imports nothing
of attnlab, so that a thousand of them are over soon.
"""

import os
import shutil
import sys
from pathlib import Path

TEMPLATE = "ATTNLAB_DUMMY_RUN"  # the environment variable that names the finished run
LAST = ("files.sha256", "result.json")


def main(arguments: list[str]) -> int:
    """Copy the template's files into each run folder, result.json last."""
    template = Path(os.environ[TEMPLATE])
    names = [name for name in os.listdir(template) if name not in LAST]
    for folder in map(Path, arguments):
        if folder.name.startswith("--"):
            continue
        for name in [*names, *LAST]:
            shutil.copyfile(template / name, folder / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
