"""What a compiled program does, read from its text (XLA's HLO): its loops, the kernels
that it launches, and the bytes that it exchanges between devices."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

MOVES = "all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute"
BYTES = {"f64": 8, "s64": 8, "u64": 8, "bf16": 2, "f16": 2} | dict.fromkeys(
    ("f32", "s32", "u32"), 4
)
# What names a value, and launches nothing; what only waits for a launch.
NAMES = (
    "parameter|constant|tuple|get-tuple-element|bitcast|after-all|opt-barrier|"
    "partition-id|replica-id|get-dimension-size|[a-z-]+-done|[a-z-]+-update"
)
KINDS = {
    "fusion": "fusions",
    "custom-call": "library",
    "copy": "copies",
    "copy-start": "copies",
}
_HEAD = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) \(.*\) -> .* \{$")
_COLLECTIVE = re.compile(rf" = (.*?) ({MOVES})(?:-start)?\(")
_CALLED = re.compile(r"(?:body|condition|to_apply|calls|true_computation|"
                     r"false_computation)=%?([\w.\-]+)")  # fmt: skip
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')
_BOUND = re.compile(r" = s32\[\]\S* constant\((\d+)\)")
_OPERATION = re.compile(r"^\s+(?:ROOT )?%?[\w.\-]+ = (\(.*?\)|\S+) ([\w\-]+)\((.*)$")
_SCALAR = re.compile(r"\w+\[\](\{[^}]*\})?")
_NAMED = re.compile(rf"(?:{NAMES})$")

Computations = Mapping[str, list[str]]


class Loop(NamedTuple):
    """A while loop of a program.

    path: where it comes from in the model, "jvp(Seq2Seq)/decoder.unroll".
    trips: how often its body runs; None where that is known only when it runs.
    kernels: of one trip, by kind: "fusions", "library", "copies", "other"; what loops
    inside it launch, too. around: the trips of the loops around it, from the outermost.
    """

    path: str
    trips: int | None
    kernels: Counter[str]
    around: tuple[int | None, ...]


class Program(NamedTuple):
    """A program's loops, and the kernels it launches outside of them."""

    loops: list[Loop]
    outside: Counter[str]

    def a_word(self, *lengths: int) -> int:
        """Kernels of one trip of every loop that runs once for each word.

        Args:
          lengths: numbers of words, of the source and of the target.

        Returns:
          The kernels of all loops with as many trips, as often as a loop around them
          (of samples, say) runs them.
        """
        return sum(
            math.prod(trips or 1 for trips in loop.around) * loop.kernels.total()
            for loop in self.loops
            if loop.trips in lengths and not set(loop.around) & set(lengths)
        )

    @property
    def waits(self) -> list[Loop]:
        """Loops of unknown length: on a GPU the host waits for each of their trips."""
        return [loop for loop in self.loops if loop.trips is None]


def launched(program: str) -> Program:
    """The loops and kernels of a program that was compiled for a GPU or TPU.

    A kernel is a fusion, a call of a library, a copy, or any other operation on arrays;
    what a TPU's scalar unit computes beside them is none.

    Args:
      program: the text of the compiled program.

    Returns:
      Its loops in the order of the program, and the kernels outside of them.
    """
    bodies = dict(computations(program))
    loops: list[Loop] = []

    def walk(name: str, around: tuple[int | None, ...]) -> Counter[str]:
        kernels: Counter[str] = Counter()
        for line in bodies[name][1:]:
            match = _OPERATION.match(line)
            if match is None or _NAMED.match(match[2]) or "AllocateBuffer" in line:
                continue
            shape, operation = match[1], match[2]
            if operation == "while":
                body, trips = _body(line), _trips(line, bodies)
                at = len(loops)
                inside = walk(body, (*around, trips))
                loops.insert(at, Loop(_path(line), trips, inside, around))
                for kind in inside if around else ():
                    kernels[kind] += inside[kind] * (trips or 1)
            elif operation in ("call", "conditional"):
                # Of a conditional's branches the one that launches most.
                called = _BRANCHES.search(line)
                names = called[1].split(",") if called else _CALLED.findall(line)
                each = [walk(name.strip(" %"), around) for name in names]
                kernels += max(each, key=Counter.total)
            elif operation == "fusion" or not _SCALAR.fullmatch(shape):
                kernels[KINDS.get(operation, "other")] += 1
        return kernels

    outside = walk(_entry(bodies), ())
    return Program(loops, outside)


def _body(line: str) -> str:
    match = re.search(r"body=%?([\w.\-]+)", line)
    assert match is not None
    return match[1]


def _trips(line: str, bodies: Computations) -> int | None:
    """How often a loop runs, if its line or its condition says so."""
    known = _TRIPS.search(line)
    if known:
        return int(known[1])
    # A TPU's program has no such note: there the condition compares with a constant.
    condition = re.search(r"condition=%?([\w.\-]+)", line)
    assert condition is not None
    bound = [match for match in map(_BOUND.search, bodies[condition[1]]) if match]
    return int(bound[0][1]) if len(bound) == 1 else None


def _path(line: str) -> str:
    named = re.search(r'op_name="(?:jit\(\w+\)/)?([^"]*?)(?:/while)?"', line)
    return named[1] if named else "?"


def exchanged(program: str) -> Counter[str]:
    """Bytes by kind of collective, of the results a device gets.

    What a loop runs counts as often as it does; a loop whose number of turns the
    compiler does not know counts once, which "unknown loops" counts.

    Args:
      program: the text of the compiled program.

    Returns:
      Bytes by the collective's name.
    """
    moved: Counter[str] = Counter()
    for kind, shapes, times in _exchanges(program):
        moved[kind] += times * (size(shapes) if shapes else 1)
    return moved


def collectives(program: str) -> Counter[str]:
    """How often a program exchanges something between devices; loops as in `exchanged`.

    Args:
      program: the text of the compiled program.

    Returns:
      Numbers by the collective's name.
    """
    counts: Counter[str] = Counter()
    for kind, _, times in _exchanges(program):
        counts[kind] += times
    return counts


def _exchanges(program: str) -> Iterator[tuple[str, str, int]]:
    """(kind, shapes, how often) of every collective, and ("unknown loops", "", 1)."""
    bodies = dict(computations(program))

    def walk(name: str, times: int) -> Iterator[tuple[str, str, int]]:
        for line in bodies[name][1:]:
            match = _COLLECTIVE.search(line)
            if match:
                yield match[2], match[1], times
            turns = 1
            if " while(" in line:
                trips = _trips(line, bodies)
                turns = trips or 1
                if not trips:
                    yield "unknown loops", "", 1
            for called in _CALLED.findall(line):
                if called in bodies:
                    yield from walk(called, times * turns)

    return walk(_entry(bodies), 1)


def size(shapes: str) -> int:
    """Bytes of arrays.

    Args:
      shapes: "f32[32,8]{1,0}", or a tuple of such.

    Returns:
      Bytes.
    """
    arrays = re.findall(r"(\w+)\[([\d,]*)\]", shapes)
    return sum(
        BYTES.get(kind, 1) * math.prod(int(n) for n in dims.split(",") if n)
        for kind, dims in arrays
    )


def computations(program: str) -> Iterator[tuple[str, list[str]]]:
    """The computations of a program.

    Args:
      program: its text.

    Yields:
      Name and lines of each, its head first.
    """
    name, lines = "", []
    for line in program.splitlines():
        head = _HEAD.match(line)
        if head:
            name, lines = head[1], [line]
        elif line == "}":
            yield name, lines
        elif name:
            lines.append(line)


def _entry(bodies: Computations) -> str:
    return next(name for name, lines in bodies.items() if lines[0].startswith("ENTRY"))
