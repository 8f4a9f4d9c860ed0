"""Translate a text, line by line, or score a given translation of it.

    python -m experiments.translate --run=runs/multi30k/general/0 \\
        --source-file=a.de --out=a.en
    python -m experiments.translate --run=runs/multi30k/general/0 \\
        --source-file=a.de --target-file=a.en --score

A line of the text gives a line: words are what stands between blanks, an empty line
stays empty. Text of any length is read as it is needed, sorted by length a thousand
lines at a time; the same command goes on where it was stopped. --source-file=- reads
stdin, and without --out lines go to stdout.

--score writes four columns: log p(target | source) in nats, the words of the target,
its units (words or subwords, and the end mark) and perplexity, exp(-log p / units).
"""

import argparse
import io
import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from experiments import line_files
from experiments.arguments import Parser, path

if TYPE_CHECKING:
    from attnlab.tasks.translation.trained import (
        AlignedTranslation,
        TrainedTranslation,
    )

STDIN = Path("-")
SHOWN = 3  # unknown words that are named


def main(argv: Sequence[str] | None = None) -> int:
    """Translate or score every line.

    Args:
      argv: of the command line; None: this process's.

    Returns:
      Exit status: 0, or 2 with one line about what is wrong.
    """
    options = _parser().parse_args(argv)
    from attnlab.training.start import prepare_process

    prepare_process()
    import attnlab
    from attnlab.tasks.translation.trained import TrainedTranslation
    from experiments.configs import last_line

    try:
        _check(options)
        run = attnlab.load(options.run)
        if not isinstance(run, TrainedTranslation):
            task = run.settings.task
            raise ValueError(f"{options.run} is a run of {task}, not of translation")
        lines = _write(run, options)
    except BrokenPipeError:  # `| head` has seen enough
        raise
    except (ArithmeticError, MemoryError, OSError, RuntimeError, ValueError) as error:
        print(f"translate: {error}", file=sys.stderr)
        return 2
    files = ", ".join(map(str, _outputs(options)))
    count = f"{lines:,} {'line' if lines == 1 else 'lines'}"
    what = f"wrote {files}; {count}" if files else f"{count} to stdout,"
    last_line(f"{what} by the run in {options.run}")
    return 0


def _check(options: argparse.Namespace) -> None:
    """ValueError for options that do not go together, and files that cannot be."""
    for name in ("beams", "n_best", "scores", "replace_unknown"):
        if options.score and getattr(options, name):
            flag = name.replace("_", "-")
            raise ValueError(f"--score searches nothing: leave out --{flag}")
    if options.score != bool(options.target_file):
        raise ValueError("--score and --target-file go together: give both, or none")
    if options.kind != "prior" and not options.score:
        raise ValueError("--kind=posterior is for --score, where the target is given")
    if options.score and options.source_file == STDIN:
        raise ValueError("--score reads two files: --source-file=- cannot be one")
    if options.at_once < 1:
        raise ValueError(f"--at-once is {options.at_once}; it must be 1 or more")
    line_files.check_new(_outputs(options), _texts(options))


def _outputs(options: argparse.Namespace) -> list[Path]:
    return [
        *filter(None, (options.out, options.scores, options.alignments)),
    ]


def _texts(options: argparse.Namespace) -> list[Path]:
    files = [options.source_file, options.target_file]
    return [file for file in files if file and file != STDIN]


def _write(run: "TrainedTranslation", options: argparse.Namespace) -> int:
    """Write what is asked for each line; the number of lines."""
    streamed = options.source_file == STDIN
    unknown = Unknown(run)
    # Read once before anything is computed, so that a broken line costs seconds.
    lines = None if streamed else sum(1 for _ in _read(run, options, unknown))
    asked = {
        name: value
        for name, value in vars(options).items()
        if name not in ("run", "out", "at_once")
    }
    parts = line_files.Parts(
        _outputs(options),
        _texts(options),
        (str(run.folder.absolute()), run.step, sorted(map(repr, asked.items()))),
        # Neither stdin nor what went to stdout is there a second time.
        again=streamed or options.out is None,
        groups=options.n_best is not None and options.out is not None,
    )
    what = "scored" if options.score else "translated"
    line_files.say_done(parts.done, lines, what)
    rest = islice(_read(run, options, unknown if streamed else None), parts.done, None)
    worker = _scored if options.score else _translated
    records = worker(run, options, rest, parts.done)
    records = line_files.watched(records, parts.done, lines, what)
    total, count = Total(), parts.done
    if options.out is None:
        records = _printed(records, total if options.score else None, streamed)

    def counted() -> Iterator[list[str]]:
        nonlocal count
        for record in records:
            count += 1
            yield record

    parts.write(counted())
    unknown.say()
    if options.score and options.out is not None:
        with options.out.open(encoding="utf-8") as file:
            for line in file:
                total.add(line)
        print(total)
    elif options.score:
        print(total, file=sys.stderr)
    return count


def _read(
    run: "TrainedTranslation", options: argparse.Namespace, unknown: "Unknown | None"
) -> Iterator[list[tuple[str, ...]]]:
    """The words of each line, of one side or both; long lines are refused."""
    from attnlab.tasks.translation.data import check_length, longest_sentence
    from attnlab.text.streams import decoded_lines, parallel_lines, stream_lines

    limit = longest_sentence(run.settings)
    files = [options.source_file]
    if options.source_file == STDIN:
        rows = ((line,) for line in decoded_lines(sys.stdin.buffer, "<stdin>"))
    elif options.target_file is None:
        rows = ((line,) for line in stream_lines(options.source_file))
    else:
        files.append(options.target_file)
        rows = parallel_lines(*files)
    for number, row in enumerate(rows, 1):
        sides = [tuple(run.words(line)) for line in row]
        for file, words in zip(files, sides, strict=True):
            name = "<stdin>" if file == STDIN else file
            check_length(words, limit, f"{name}:{number}")
        if unknown is not None:
            unknown.count(sides)
        yield sides


def _translated(
    run: "TrainedTranslation",
    options: argparse.Namespace,
    rows: Iterable[Sequence[tuple[str, ...]]],
    done: int,
) -> Iterator[list[str]]:
    """The text of each file for each line: translations, scores, links."""
    lists = run.n_best(
        (" ".join(words) for (words,) in rows),
        options.n_best or 1,
        beams=options.beams,
        replace_unknown=options.replace_unknown or None,
        at_once=options.at_once,
    )
    for number, best in enumerate(lists, done):
        if options.n_best is None:
            text = f"{best[0]}\n"
        else:  # as Moses writes them, numbered from 0
            text = "".join(f"{number} ||| {one} ||| {one.score:.6f}\n" for one in best)
        record = [text]
        if options.scores:
            record.append(f"{best[0].log_probability:.6f}\n")
        yield _with_links(record, best[0], options)


def _scored(
    run: "TrainedTranslation",
    options: argparse.Namespace,
    rows: Iterable[Sequence[tuple[str, ...]]],
    done: int,
) -> Iterator[list[str]]:
    """The text of each file for each pair: its score, and links."""
    from attnlab.text.pairs import Pair

    del done  # lines of scores are not numbered
    pairs = (Pair(*row) for row in rows)
    for pair in run.align_all(pairs, kind=options.kind, at_once=options.at_once):
        score = f"{pair.log_probability:.6f}\t{len(pair.target)}\t{pair.units}"
        record = [f"{score}\t{pair.perplexity:.4f}\n"]
        yield _with_links(record, pair, options)


def _with_links(
    record: list[str], pair: "AlignedTranslation", options: argparse.Namespace
) -> list[str]:
    from attnlab.metrics.links import reverse
    from attnlab.text.links import format_pharaoh

    if options.alignments:
        record.append(format_pharaoh(reverse(pair.links())) + "\n")
    return record


def _printed(
    records: Iterable[list[str]], total: "Total | None", at_once: bool
) -> Iterator[list[str]]:
    """The records without what goes to stdout."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # as --out has it
    for text, *others in records:
        sys.stdout.write(text)
        if at_once:  # somebody may be waiting at the other end
            sys.stdout.flush()
        if total is not None:
            total.add(text)
        yield others
    sys.stdout.flush()


class Unknown:
    """Counts the words of a text that a run does not know.

    Args:
      run: whose vocabularies are asked.
    """

    def __init__(self, run: "TrainedTranslation"):
        self.codecs = {
            "source": run.translator.source,
            "target": run.translator.target,
        }
        self.unknown = {side: Counter[str]() for side in self.codecs}
        self.words = Counter[str]()

    def count(self, sides: Sequence[Sequence[str]]) -> None:
        """Count those of a line.

        Args:
          sides: words of the source and, where it is given, the target.
        """
        from attnlab.text.vocabulary import UNK

        for words, (side, codec) in zip(sides, self.codecs.items(), strict=False):
            ids, owner = codec.encode(words)
            self.words[side] += len(words)
            if UNK in ids:
                places = {
                    place for place, unit in zip(owner, ids, strict=True) if unit == UNK
                }
                self.unknown[side].update(words[place] for place in places)

    def say(self) -> None:
        """Print a line on stderr for each side that has such words."""
        for side, words in self.unknown.items():
            if words:
                names = [word for word, _ in words.most_common(SHOWN)]
                more = ", ..." if len(words) > SHOWN else ""
                print(
                    f"{words.total():,} of {self.words[side]:,} {side} words are "
                    f"unknown to the run and read as <unk>: {', '.join(names)}{more}",
                    file=sys.stderr,
                )


class Total:
    """Sums of the columns that --score writes."""

    def __init__(self):
        self.logs: list[float] = []
        self.words = self.units = 0

    def add(self, line: str) -> None:
        """Add a line.

        Args:
          line: of log p, words, units and perplexity.
        """
        log_probability, words, units, _ = line.split("\t")
        self.logs.append(float(log_probability))
        self.words, self.units = self.words + int(words), self.units + int(units)

    def __str__(self) -> str:
        from attnlab.metrics.attention_stats import perplexity

        if not self.units:
            return "nothing to score"
        total = math.fsum(self.logs)
        return (
            f"log p {total:.4f} nats  {self.words:,} words  {self.units:,} units  "
            f"perplexity {perplexity(-total, self.units):.4f}  "
            f"({len(self.logs):,} lines)"
        )


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m experiments.translate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--run", type=path, required=True, help="the folder of a run of translation"
    )
    parser.add_argument(
        "--source-file", type=path, required=True, help="text, its .gz, or -: stdin"
    )
    parser.add_argument("--out", type=path, help="where lines go; by default to stdout")
    parser.add_argument(
        "--beams", type=int, help="hypotheses of the search; by default the run's"
    )
    parser.add_argument(
        "--n-best",
        type=int,
        metavar="N",
        help="write the best N as Moses does: line ||| words ||| score, lines from 0",
    )
    parser.add_argument(
        "--scores", type=path, help="a file for log p of each line's best, in nats"
    )
    parser.add_argument(
        "--alignments",
        type=path,
        help="a file for each line's links s-t: the largest weight of each target word",
    )
    parser.add_argument(
        "--replace-unknown",
        action="store_true",
        help="write the source word of the largest weight instead of <unk>",
    )
    parser.add_argument(
        "--score", action="store_true", help="score --target-file, and search nothing"
    )
    parser.add_argument("--target-file", type=path, help="a translation, for --score")
    parser.add_argument(
        "--kind",
        choices=("prior", "posterior"),
        default="prior",
        help="of --score's links: before or after the target word is read",
    )
    parser.add_argument(
        "--at-once",
        type=int,
        default=1024,
        metavar="N",
        help="lines that are sorted by length and translated together (1024)",
    )
    return parser


if __name__ == "__main__":
    from experiments.configs import answer

    sys.exit(answer(main, "translate"))
