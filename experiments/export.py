"""Write what a run has learned and aligned into files that other programs read.

    python -m experiments.export --run=runs/synthetic/local-p-general/0 \\
        --weights=local-p.safetensors --alignments=local-p.jsonl --set=test

--weights takes the best parameters, by dotted names, with the run's settings as
metadata. --alignments takes the test sentences of alignments.npz, a JSON object a line:
set, source and target (words), weights (a row a target word), sure and possible (gold
links [source, target] from 0). A file that exists is not replaced.
"""

import argparse
import sys
from collections.abc import Sequence

from experiments.arguments import Parser, path, text


def main(argv: Sequence[str] | None = None) -> int:
    """Write the files that the command line asks for.

    Args:
      argv: of the command line; None: this process's.

    Returns:
      The exit status: 0, or 2 with one line about what is wrong.
    """
    options = _parser().parse_args(argv)
    from experiments.configs import last_line

    try:
        contents = _contents(options)
    except (FileNotFoundError, ImportError, ValueError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 2
    from attnlab.runs import write_bytes

    for file, content in contents.items():
        write_bytes(file, content, folders=False)
    last_line("wrote " + ", ".join(map(str, contents)))
    return 0


def _contents(options: argparse.Namespace) -> dict:
    """The content of each file; ValueError for what cannot be."""
    from attnlab.runs.alignment_lines import alignment_lines
    from experiments.run_folders import check_new_file, check_run

    files = [file for file in (options.weights, options.alignments) if file]
    if not files:
        raise ValueError("give --weights=FILE.safetensors or --alignments=FILE.jsonl")
    if options.set and not options.alignments:
        raise ValueError("--set is for --alignments=FILE.jsonl, which is not given")
    if len({file.absolute() for file in files}) < len(files):
        raise ValueError(f"--weights and --alignments are both {files[0]}")
    check_run(options.run)
    for file in files:
        check_new_file(file)
    contents = {}
    if options.alignments:
        lines = alignment_lines(options.run, options.set)
        contents[options.alignments] = "".join(f"{line}\n" for line in lines).encode()
    if options.weights:
        from attnlab.training.start import prepare_process

        prepare_process()
        # It brings JAX, which alignments do without.
        from attnlab.training.weights_file import weights_file

        contents[options.weights] = weights_file(options.run)
    return contents


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m experiments.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--run", type=path, required=True, help="a run folder")
    parser.add_argument(
        "--weights", type=path, help="where the parameters go, a .safetensors file"
    )
    parser.add_argument(
        "--alignments", type=path, help="where the test alignments go, a .jsonl file"
    )
    parser.add_argument(
        "--set", type=text, help="of --alignments: one test set; all of them if unset"
    )
    return parser


if __name__ == "__main__":
    from experiments.configs import answer

    sys.exit(answer(main, "export"))
