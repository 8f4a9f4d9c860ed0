"""The peer's end of the pipe (see benchmarks/turns.py): answers calls, one a line."""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any


def serve(functions: dict[str, Callable[..., Any]]) -> None:
    """Answer calls until the pipe closes. Anything the functions print is an error."""
    pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not be taken for an answer
    for line in sys.stdin:
        name, arguments = json.loads(line)
        pipe.write(json.dumps(functions[name](**arguments)) + "\n")
        pipe.flush()


def seconds(work: Callable[[], Any]) -> float:
    """How long `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
