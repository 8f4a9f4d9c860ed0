"""What programs share: how they start, the config file, and where they say to look."""

import errno
import importlib.util
import inspect
import io
import logging
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from absl import app, flags
from ml_collections import ConfigDict, config_flags

import attnlab
from attnlab.plugins import PluginError, load_plugins, look_in
from experiments.arguments import as_called

LIBRARY = Path(attnlab.__file__).resolve().parent
CONFIGS = Path(__file__).resolve().parents[1] / "configs"  # in a wheel, too
# What is wrong with a file or a folder that somebody has named.
PLACES = {
    *(errno.EACCES, errno.EEXIST, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG),
    *(errno.ENOENT, errno.ENOTDIR, errno.EPERM, errno.EROFS),
}
HELP = {"-h", "--h", "-help", "--help", "--helpshort", "--helpfull"}


def launch(
    main: Callable[[Sequence[str]], int | None],
    program: str,
    prepare: Callable[[], None] = lambda: None,
) -> int:
    """Parse the command line, load the config file's plugins and call a program's main.

    absl's own `app.run` answers a misspelt setting with a traceback, and a UsageError
    with the whole help text. Here either is a line on stderr; --help is no error.

    Args:
      main: called with the arguments that are no flags; returns an exit status or None.
      program: its name, which errors begin with.
      prepare: called before the config file is read, whose checks import JAX.

    Returns:
      The exit status: main's; 2 for a mistake of the user, 130 for Ctrl-C, as shells
      have it.
    """
    if HELP & set(sys.argv[1:]):
        print(as_called(str(sys.modules["__main__"].__doc__)))
        print(flags.FLAGS.main_module_help())
        return 0
    words = last_of_each(sys.argv)

    def parse_and_run() -> int | None:
        prepare()
        if "config" in flags.FLAGS:
            _check_when_read(flags.FLAGS["config"].parser)
        arguments = flags.FLAGS(words)[1:]
        _check_empty()
        _load_plugins()
        return main(arguments)

    return answer(parse_and_run, program)


def _load_plugins() -> None:
    """Import the plugins that the environment and the config file name; say so."""
    config = flags.FLAGS["config"].value if "config" in flags.FLAGS else None
    names = () if config is None else config.get("plugins", ())
    for name, file in load_plugins(names, [Path(_config_file()).parent]).items():
        print(f"plugin {name} is {file or 'a part of Python'}", file=sys.stderr)
    if config is not None and names:
        _add_sections(config)


def _add_sections(config: ConfigDict) -> None:
    """Give a configuration the settings of corpora that its plugins have registered."""
    from attnlab.parsing import config_dict
    from attnlab.tasks import TASKS, spec

    if config.get("task") not in TASKS:
        return  # it is refused later, with the choices
    default = config_dict(spec(config.task).settings()).data
    with config.unlocked():
        for name in set(default) - set(config.data):
            config.data[name] = default[name]


def _check_empty() -> None:
    """Refuse a flag that is given and says nothing, as a variable of a shell that is
    not set has it: it is not as if the flag were left out."""
    for flag in flags.FLAGS.get_flags_for_module(sys.modules["__main__"]):
        values = flag.value if isinstance(flag.value, list) else [flag.value]
        if flag.present and flag.default != "" and "" in values:
            raise app.UsageError(f"--{flag.name} is empty")


def _check_when_read(parser: flags.ArgumentParser) -> None:
    """Have a config file checked as it is read, before settings are put on top.

    Args:
      parser: of the flag --config, which is changed.
    """
    parse = parser.parse

    def parse_checked(value: str) -> object:
        if not value:
            raise app.UsageError("--config is empty; give a file")
        path = Path(value.split(":")[0])
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise app.UsageError(f"{path} is no file")
        # Python says so without the name of the file.
        if path.is_file() and b"\0" in path.read_bytes():
            raise app.UsageError(f"{path} holds a NUL byte, as no Python file does")
        logging.disable(logging.WARNING)  # ml_collections warns of None
        look_in([path.parent])  # for what the config file imports from beside it
        try:
            config = parse(value)
        finally:
            logging.disable(logging.NOTSET)
        if path.is_file() and not isinstance(config, ConfigDict):
            raise app.UsageError(
                f"{path}: get_config() returned {config!r:.60}; it must return a "
                "ConfigDict"
            )
        return config

    parser.parse = parse_checked  # type: ignore[method-assign]


def last_of_each(words: Sequence[str]) -> list[str]:
    """A command line whose settings are given once: the last one counts.

    Of a setting that is a tuple ml_collections would take all values in a row.

    Args:
      words: of the command line.

    Returns:
      The words without settings that are given again later.
    """
    names = [
        word.partition("=")[0] if word.startswith("--config.") and "=" in word else None
        for word in words
    ]
    return [
        word
        for place, (word, name) in enumerate(zip(words, names, strict=True))
        if name is None or name not in names[place + 1 :]
    ]


class Ended(SystemExit):
    """A signal that asks the process to end."""


def answer(main: Callable[[], int | None], program: str) -> int:
    """Call a program's main, and say in one line what ends it early.

    Args:
      main: returns an exit status or None.
      program: its name, which errors begin with.

    Returns:
      The exit status: main's; 2 for a mistake of the user, 130 for Ctrl-C and 128 and
      its number for another signal, as shells have it.
    """
    # A Latin-1 terminal has no sign for everything that is printed.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        with _ended_by_signals():
            status = main() or 0
            sys.stdout.flush()
            return status
    except KeyboardInterrupt:
        print(f"{program}: interrupted; the same command goes on", file=sys.stderr)
        return 130
    except Ended as end:
        name = signal.Signals(end.code).name
        print(f"{program}: ended by {name}; the same command goes on", file=sys.stderr)
        return 128 + int(end.code)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except flags.IllegalFlagValueError as error:
        # What a config file raises comes as its whole traceback.
        message = str(error).strip().splitlines()[-1].removeprefix("ValueError: ")
        chain = _chain(error)
        if type(chain[0]) is not ValueError:  # ours say what is wrong and where
            places = filter(None, map(_in_config, chain))
            file = "" if len(str(error).splitlines()) < 2 else _config_file()
            message = next(places, f"{file}: {message}".removeprefix(": "))
    except (flags.Error, app.UsageError) as error:
        message = str(error)
    except SystemExit as error:
        explanation = _in_config(error)
        if explanation is None:  # argparse's, which has said why
            raise
        message = explanation
    except Exception as error:
        explanation = _explain(error) or _in_config(error)
        if explanation is None:
            raise
        message = explanation
    print(f"{program}: {message}", file=sys.stderr)
    return 2


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end what is inside as an exit does: jobs are ended, locks are
    released. Under `nohup` SIGHUP stays ignored."""

    def end(number: int, frame: object) -> None:
        raise Ended(number)

    before = {
        number: signal.signal(number, end)
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) == signal.SIG_DFL
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_config(error: BaseException) -> str | None:
    """Where a config file went wrong; None where attnlab's own code did."""
    files = {os.path.realpath(value.split(":")[0]) for value in _config_values()}
    if isinstance(error, SyntaxError):
        here = os.path.realpath(error.filename or "") in files
        return f"{error.filename}:{error.lineno}: {error.msg}" if here else None
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if os.path.realpath(frame.filename) in files:
            kind = type(error).__name__
            return f"{frame.filename}:{frame.lineno}: {kind}: {error}"
        if os.path.realpath(frame.filename).startswith(str(LIBRARY)):
            return None
    return None


def _chain(error: BaseException) -> list[BaseException]:
    """The errors in whose handling this one was raised, the first one first."""
    chain = [error]
    while chain[-1].__context__ is not None:
        chain.append(chain[-1].__context__)
    return chain[::-1]


def _config_file() -> str:
    """The config file of the command line; "" without one."""
    return next((value.split(":")[0] for value in _config_values()), "")


def _config_values() -> list[str]:
    return [arg.partition("=")[2] for arg in sys.argv if arg.startswith("--config=")]


def _explain(error: Exception) -> str | None:
    """A line about a missing config file, an unknown setting, a full disk or a place
    that cannot be used; None for any other error."""
    if isinstance(error, PluginError):
        return str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        place = f" for {error.filename}" if error.filename else ""
        return f"no space left{place}; make room, and the same command goes on"
    wrong = re.fullmatch(r'Invalid value "(.*)" for JAX flag (\w+)', str(error))
    if wrong:  # of the environment, which JAX reads as it is imported
        return _jax_variable(error, wrong[2].upper(), wrong[1])
    values = _config_values()
    missing = [value for value in values if not Path(value.split(":")[0]).is_file()]
    if missing:
        here = "" if Path(missing[0]).is_absolute() else f" in {Path.cwd()}"
        own = f"; attnlab's own are in {CONFIGS}" if CONFIGS.is_dir() else ""
        return f"no config file {missing[0]!r}{here}{own}"
    if isinstance(error, AttributeError) and "'get_config'" in str(error):
        return f"{values[0]} has no get_config()"
    if isinstance(error, OSError) and error.errno in PLACES and error.filename:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, FileNotFoundError) and error.errno is None:
        return str(error)  # of a run's folder, which was removed under way
    if not isinstance(error, AttributeError | KeyError):
        return None
    unknown = re.search(r"'(\w+)\\?'", str(error))  # ml_collections': 'stepz' Did you
    for arg in sys.argv:
        name = arg.partition("=")[0].removeprefix("--config.")
        if name != arg and unknown and unknown[1] in name.split("."):
            guess = re.search(r'Did you mean "(\w+)"', str(error))
            # The part that is misspelt may be the section or the setting.
            parts = [
                guess[1] if guess and part == unknown[1] else part
                for part in name.split(".")
            ]
            hint = f"; did you mean {'.'.join(parts)}?" if guess else ""
            return f"unknown setting {name!r}{hint}"
    return None


def _jax_variable(error: Exception, name: str, value: str) -> str:
    """A line on a variable of JAX; only the frame that refused it knows the choices."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    choices = frames[-1].f_locals.get("enum_values") if frames else None
    hint = f"; choose {', '.join(map(repr, choices))}" if choices else ""
    return f"{name} is {value!r}{hint}"


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show on a terminal that something goes on; elsewhere nothing is printed.

    Args:
      what: goes on.

    Returns:
      A context manager, for as long as it does.
    """
    # Imported late, as `--help` does without it.
    from rich.console import Console

    live = sys.stderr.isatty()
    with Console(stderr=True, force_terminal=live).status(what):
        yield


def last_line(text: str) -> None:
    """Print where to look, on stderr, so that stdout holds nothing but the output.

    Args:
      text: the line.
    """
    sys.stdout.flush()  # a pipe holds it back, and the line would come first
    print(text, file=sys.stderr)


def wrote(files: Sequence[Path]) -> str:
    """The last line of a program that has written a report.

    Args:
      files: all of it; the first one is where to start.

    Returns:
      A line on how many they are, and which to open.
    """
    where = "; open it in a browser" if files[0].suffix == ".html" else ""
    return f"wrote {len(files)} files; start with {files[0]}{where}"


def load_module(flag: flags.FlagHolder) -> ModuleType:
    """The config file of a flag as a module.

    Args:
      flag: of `config_flags.DEFINE_config_file`.

    Returns:
      The module, freshly executed.

    Raises:
      app.UsageError: where the flag is not given.
    """
    if flag.value is None:
        raise app.UsageError("give --config=configs/....py")
    path = config_flags.get_config_filename(flags.FLAGS[flag.name]).split(":")[0]
    spec = importlib.util.spec_from_file_location("config_file", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sweep_of(module: ModuleType) -> Callable[..., Any]:
    """The function of a config file that adds the rows.

    Args:
      module: the config file.

    Returns:
      Its `sweep`.

    Raises:
      app.UsageError: where there is none, or none that takes `add` alone.
    """
    sweep = getattr(module, "sweep", None)
    if not callable(sweep):
        raise app.UsageError(f"{module.__file__} has no sweep(add)")
    try:
        inspect.signature(sweep).bind(None)
    except TypeError as error:
        raise app.UsageError(
            f"{module.__file__}: sweep must take one argument, add: {error}"
        ) from None
    return sweep
