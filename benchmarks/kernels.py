"""Kernels that an update launches on an H200 and on a TPU v5e, counted without either.

    make accelerators                           # the compilers, into an environment
    .venv-accelerators/bin/python -m benchmarks.kernels [--only luong] [--target h200]

XLA's own compilers make the program (benchmarks/accelerators/), and its text says which
kernels one trip of each loop launches: fusions, calls of libraries (products), copies.
At widths of some hundreds a GPU spends its time launching them, so that their number is
its speed. "A word" sums one trip of every loop that runs once for each word (forwards
and backwards, encoder and decoder); other loops, and what is launched once an update,
stand beside it. For a loop of unknown length the host waits in every trip on a GPU.

Nothing is executed. Translation has the papers' models at width 256 with batches of 128
sentences of 8 words; the other systems have their papers' sizes.
"""

import time
from typing import Any, NamedTuple

from benchmarks.accelerators.targets import TARGETS, compile_for, prepare_environment
from benchmarks.hlo import Program, launched
from benchmarks.turns import Figure, finish, parser

WIDTHS = ("embedding", "hidden", "attention_hidden", "readouts")
TRANSLATION: dict[str, Any] = {
    **{f"model.{name}": 256 for name in WIDTHS},
    "data.name": "synthetic",
    "data.synthetic.train": 2000,
    "train.batch_size": 128,
}
LUONG = {"preset": "luong2015-global-general", "layers": 2}


class CountedStep(NamedTuple):
    """A training step whose kernels are counted.

    config: of a module of configs. changes: of its settings. target: the most kernels a
    word that are wanted, on either; 0: none is set.
    """

    config: str
    changes: dict[str, Any]
    target: int = 0


STEPS = {
    "bahdanau2014": CountedStep(
        "translation", TRANSLATION | {"preset": "bahdanau2014"}, 45
    ),
    "luong2015, input feeding": CountedStep("translation", TRANSLATION | LUONG, 60),
    "luong2015, no feeding": CountedStep(
        "translation", TRANSLATION | LUONG | {"input_feeding": False}
    ),
    "local-p": CountedStep(  # one layer, and an encoder of two directions
        "translation", TRANSLATION | {"score": "general", "window": "local-p"}, 60
    ),
    "ntm": CountedStep("ntm", {}),
    "ntm, feed-forward": CountedStep("ntm", {"controller": "feed-forward"}),
    "memn2n": CountedStep("memn2n", {"data.stories.train": 100}),
    "captioning": CountedStep("captioning", {}),
    "cloze": CountedStep("cloze", {}),
    "classification": CountedStep("classification", {}),
}
LENGTH = 8  # words of a source and of a target


def compiled(step: CountedStep, target: str) -> tuple[Program, tuple[int, ...]]:
    """An update of a step as it is compiled for a target.

    Args:
      step: one of STEPS.
      target: one of TARGETS.

    Returns:
      What the program launches, and the numbers of words of its batch.
    """
    from benchmarks.accelerators.programs import lengths_of, training, update_of

    translates = step.config == "translation"
    run = training(
        step.config, step.changes, lengths=(LENGTH, LENGTH) if translates else None
    )
    program = compile_for(target, update_of(run), *run.arguments, donate=(0,))
    return launched(program.as_text()), lengths_of(run.batch)


def show(name: str, target: str, program: Program, lengths: tuple[int, ...]) -> None:
    """Print the loops of a program."""
    print(f"\n{name} on {target}, {' and '.join(map(str, lengths))} words")
    print(f"  {'trips':>7} {'kernels':>7} {'fusions':>7} {'library':>7} {'copies':>7}")
    for loop in program.loops:
        trips = "unknown" if loop.trips is None else str(loop.trips)
        trips = "  " * len(loop.around) + trips
        kinds = [loop.kernels[kind] for kind in ("fusions", "library", "copies")]
        numbers = "".join(f"{n:>8}" for n in (loop.kernels.total(), *kinds))
        print(f"  {trips:>7}{numbers}  {loop.path}")
    waits = sum(loop.kernels.total() for loop in program.waits)
    print(
        f"  {'a word':>7}{program.a_word(*lengths):>8}   outside of loops "
        f"{program.outside.total()}; in loops of unknown length {waits}",
        flush=True,
    )


def main() -> None:
    command = parser(__doc__, rounds=1)
    command.add_argument("--only", nargs="+", default=[], help="parts of steps' names")
    command.add_argument("--target", nargs="+", default=list(TARGETS), choices=TARGETS)
    options = command.parse_args()
    prepare_environment()
    figures = []
    for name, step in STEPS.items():
        if options.only and not any(part in name for part in options.only):
            continue
        for target in options.target:
            start = time.perf_counter()
            program, lengths = compiled(step, target)
            show(name, target, program, lengths)
            wanted = f"<= {step.target}" if step.target else ""
            detail = (
                f"{program.outside.total()} more an update, {len(program.waits)} loops "
                f"of unknown length, compiled in {time.perf_counter() - start:.0f} s"
            )
            figures.append(
                Figure(
                    f"{name}, {target}",
                    program.a_word(*lengths),
                    "",
                    wanted,
                    detail,
                )
            )
    finish("kernels a word", figures, options.json)


if __name__ == "__main__":
    main()
