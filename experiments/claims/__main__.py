"""What the papers claim, and what the runs of this machine say of it.

    python -m experiments.claims                          # judges the runs below runs/
    python -m experiments.claims --quick                  # trains some, in minutes
    python -m experiments.claims --only=Luong             # claims of a paper
    python -m experiments.claims --write=docs/claims.md   # the same as a page

A claim is two rows of a sweep and a score. It held, or did not, where the difference is
significant (p < 0.05) over seeds and test sentences together, and is open elsewhere.
The rows of a sweep are looked for in the folder of its name: runs/synthetic,
runs/hansards, runs/transduction-cmudict. Where runs are missing, the sweep that makes
them is named.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.arguments import Parser, path, text
from experiments.claims.records import CLAIMS, ESTIMATORS, Claim


def main(argv: Sequence[str] | None = None) -> int:
    """Judge the claims, print them, and write the page that was asked for.

    Args:
      argv: of the command line; None: this process's.

    Returns:
      Exit status: 0; 2 with one line about what is wrong; that of a sweep that failed.
    """
    options = _parser().parse_args(argv)
    claims = [claim for claim in CLAIMS if _asked(claim, options)]
    if not claims:
        known = ", ".join(claim.key for claim in CLAIMS)
        print(f"claims: no claim has {options.only!r}; choose {known}", file=sys.stderr)
        return 2
    if options.write and options.write.exists():
        from experiments.claims.page import HEAD

        if not options.write.read_text(errors="replace").startswith(HEAD):
            print(
                f"claims: {options.write} is no page of claims; choose another --write",
                file=sys.stderr,
            )
            return 2
    from attnlab import runs
    from experiments.claims.judge import judge
    from experiments.claims.page import as_text, page
    from experiments.configs import last_line, working

    if options.quick:
        status = _train(claims, options.runs)
        if status:
            return status
    with working(f"reading the runs below {options.runs}"):
        judged = judge(claims, options.runs)
    print(as_text(judged, options.runs))
    if options.write:
        try:
            runs.write_bytes(options.write, page(judged, options.runs).encode())
        except OSError as error:
            print(f"claims: {error}", file=sys.stderr)
            return 2
        last_line(f"wrote {options.write}")
    return 0


def _asked(claim: Claim, options: argparse.Namespace) -> bool:
    words = (claim.key, claim.paper, claim.config)
    named = not options.only or any(
        options.only.lower() in word.lower() for word in words
    )
    return named and (claim.quick or not options.quick)


def _train(claims: Sequence[Claim], root: Path) -> int:
    """Finish the rows of claims; sweeps that are finished cost a second."""
    from experiments.claims.page import sweep_command

    for config in dict.fromkeys(claim.config for claim in claims):
        # Rows that no claim is about are left out.
        rows = dict.fromkeys(
            row
            for claim in claims
            if claim.config == config
            for row in (claim.better, claim.worse)
        )
        sweep = sweep_command(config, root)
        if config == ESTIMATORS:
            if (root / config / "estimators.csv").exists():
                continue
            sweep.append("--only=expected reinforce")
        else:
            sweep += [f"--only={row}" for row in rows]
        print(f"claims: {shlex.join(sweep)}", file=sys.stderr)
        done = subprocess.run([sys.executable, *sweep[1:]], stdout=sys.stderr)
        if done.returncode:
            return done.returncode
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m experiments.claims",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--runs",
        type=path,
        default=Path("runs"),
        help="the folder of sweeps (runs); each is in the folder of its name below it",
    )
    parser.add_argument(
        "--only", type=text, default=None, help="part of a key, a paper or a sweep"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="the claims on embedded data that take minutes; trains what is missing",
    )
    parser.add_argument("--write", type=path, help="a page of Markdown, written anew")
    return parser


if __name__ == "__main__":
    from experiments.configs import answer

    sys.exit(answer(main, "claims"))
