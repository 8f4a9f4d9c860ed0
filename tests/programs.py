"""Programs as `python -m` runs them, in processes that have their imports already.

`python -m tests.programs` is a server: it imports what programs import, and then forks
for each program that it is asked for, so that a program costs a tenth of a second, not
two. It has one thread, and no JAX backend, while it does so.
"""

import atexit
import contextlib
import functools
import json
import os
import runpy
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@functools.cache
def _server() -> subprocess.Popen:
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.programs"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def end() -> None:
        server.communicate()  # the end of its input ends it

    atexit.register(end)
    return server


def run_program(
    folder: Path, module: str, *arguments: str, at: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess:
    """Run a program.

    Args:
      folder: empty, for what it prints.
      module: its module, as in `python -m`.
      *arguments: of its command line.
      at: where it runs; the root of the repository by default.
      **environment: variables to set beside those that are.

    Returns:
      Its exit status, stdout and stderr.
    """
    output, errors = folder / "stdout", folder / "stderr"
    task = [
        module,
        arguments,
        os.environ | environment,
        str(at),
        str(output),
        str(errors),
    ]
    server = _server()
    assert server.stdin is not None and server.stdout is not None
    print(json.dumps(task), file=server.stdin, flush=True)
    status = json.loads(server.stdout.readline())
    return subprocess.CompletedProcess(
        arguments, status, output.read_text(), errors.read_text()
    )


def serve() -> None:
    """Fork for each line of stdin, and answer with the exit status."""
    import attnlab.sweep.attention_options  # noqa: F401
    import attnlab.training.run  # noqa: F401
    import configs.translation  # noqa: F401
    from attnlab.tasks import TASKS, spec

    for name in TASKS:
        spec(name)
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            os._exit(_run(*json.loads(line)))
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(
    module: str, arguments: Any, environment: Any, at: str, output: str, errors: str
):
    """The program's exit status, in the process that was forked for it."""
    os.chdir(at)
    for number, path in ((0, os.devnull), (1, output), (2, errors)):
        with open(path, "r" if number == 0 else "w") as file:
            os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [module, *arguments]
    status: Any = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as stop:
        status = stop.code
        if not isinstance(status, int | None):
            print(status, file=sys.stderr)
            status = 1
    except BaseException:
        traceback.print_exc()
        status = 1
    atexit._run_exitfuncs()
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    sys.stderr.flush()
    return status or 0


if __name__ == "__main__":
    serve()
