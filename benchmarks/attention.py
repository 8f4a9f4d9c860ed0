"""What a step of attention costs: by sentence length, by window, and all steps at once.

    python -m benchmarks.attention [--sizes 32 128 512 2048] [--rounds 7]

One side is the forward and backward pass of 64 steps in a scan, each of whose queries
depends on the context before it: 16 sentences of S words, width 256, half_width 10,
with gradients to parameters, queries, keys and values. Keys are projected beforehand,
once per sentence. Windows are gathered from the length on at which that pays
(`Score.dense_below`); "masked" looks at all S positions through the same window.

A gradient to keys and values is as large as they are: two buffers [16, S, 256] to fill
with zeros once per sentence, however many steps there are ("zeros"; 256 MiB at S =
8192). They are the buffers of the call before, donated: a fresh one would cost its page
faults besides. To see whether the *steps* follow S, "64 steps" is a quarter of the time
that a program of 320 steps (5 walks over the sentence) takes longer than one of 64, so
that what is done once cancels; "whole" is the program of 64 with everything. What ran
before has used the caches, so there a way runs twice and its second time counts.

Memory is the peak of temporary buffers in XLA's own account of the compiled program,
without the S-sized inputs and gradients, whose size is printed beside it.
"""

import functools
import statistics
import time

import jax
import jax.numpy as jnp

from attnlab.attention import SCORES, Dims, attention
from attnlab.attention.normalizers import softmax
from attnlab.attention.windows import global_window, local_m, local_p
from attnlab.nn.decoders import attend
from benchmarks import turns
from benchmarks.turns import Figure

SENTENCES, STEPS, WIDTH, HALF_WIDTH = 16, 64, 256, 10
MIB = 2**20
NEVER = 10**9  # no sentence is so long
WINDOWS = {
    "global": global_window(),
    "global, Gaussian": local_p(HALF_WIDTH)._replace(half_width=None),
    "local-m": local_m(HALF_WIDTH),
    "local-p": local_p(HALF_WIDTH),
}
GLOBAL_UP_TO, MASKED_UP_TO = 2048, 512


class CompiledGradient:
    """A compiled gradient, what it is called with, and the buffers of its results."""

    def __init__(self, gradient, *arguments):
        shapes = jax.eval_shape(gradient, *arguments)
        self.results = jax.tree.map(
            lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes
        )
        self.arguments = arguments

        def into(buffers, *arguments):
            del buffers  # of the results' shapes: XLA writes the results there
            return gradient(*arguments)

        jitted = jax.jit(into, donate_argnums=0, keep_unused=True)
        self.program = jitted.lower(self.results, *arguments).compile()

    def __call__(self):
        self.results = self.program(self.results, *self.arguments)
        return self.results

    @property
    def temporary(self) -> float:
        """MiB of temporary buffers."""
        return self.program.memory_analysis().temp_size_in_bytes / MIB


@functools.cache
def sentences(size: int, steps: int):
    """Values [B, S, C] and what is asked [T, B, Q]."""
    rng_values, rng_queries = jax.random.split(jax.random.key(0))
    values = jax.random.normal(rng_values, (SENTENCES, size, WIDTH))
    return values, jax.random.normal(rng_queries, (steps, SENTENCES, WIDTH))


def prepared(score: str, window: str, size: int, steps: int, masked: bool):
    """An attention, its parameters, a memory of `size` words and queries."""
    scored = SCORES[score]()
    if masked:
        scored = scored._replace(dense_below=NEVER)
    looking = attention(scored, WINDOWS[window], softmax)
    params = looking.init(jax.random.key(1), Dims(WIDTH, WIDTH, WIDTH))
    values, queries = sentences(size, steps)
    mask, lengths = jnp.ones((SENTENCES, size), bool), jnp.full(SENTENCES, size)
    memory = jax.vmap(looking.prepare, (None, 0, 0, 0))(params, values, mask, lengths)
    return looking, params, memory, queries


def compiled(contexts, params, memory, queries) -> CompiledGradient:
    """The gradient of the summed squares of `contexts(params, memory, queries)`."""

    def loss(params, values, keys, queries, memory):
        memory = memory._replace(values=values, keys=keys)
        return jnp.sum(contexts(params, memory, queries) ** 2)

    gradient = jax.value_and_grad(loss, argnums=(0, 1, 2, 3))
    return CompiledGradient(
        gradient, params, memory.values, memory.keys, queries, memory
    )


@functools.cache
def sequential(score, window, size, masked=False, walks=1) -> CompiledGradient:
    """Steps that wait for each other, walking over the sentence `walks` times."""
    looking, *arguments = prepared(score, window, size, walks * STEPS, masked)

    def contexts(params, memory, queries):
        def step(context, at):
            query = jnp.tanh(at[0] + context)
            count = jnp.full(SENTENCES, at[1])
            output = attend(looking, params, query, memory, count, (), None)
            return output.context, output.context

        counts = jnp.tile(jnp.arange(STEPS, dtype=jnp.int32), walks)
        first = jnp.zeros((SENTENCES, WIDTH))
        return jax.lax.scan(step, first, (queries, counts))[1]

    return compiled(contexts, *arguments)


def independent(score, window, size, batch_steps: bool) -> CompiledGradient:
    """Steps of known queries, as without input feeding: at once, or in a scan."""
    looking, *arguments = prepared(score, window, size, STEPS, masked=False)

    def contexts(params, memory, queries):
        def look(at):
            count = jnp.full(SENTENCES, at[1])
            return attend(looking, params, at[0], memory, count, (), None).context

        each = (queries, jnp.arange(STEPS, dtype=jnp.int32))
        return jax.vmap(look)(each) if batch_steps else jax.lax.map(look, each)

    return compiled(contexts, *arguments)


def timed(ways, rounds):
    """`turns.in_turns` of warm ways."""
    for way in ways.values():
        jax.block_until_ready(way())
    return turns.in_turns(ways, rounds)


def second(way) -> float:
    """Seconds of a way that has just run."""
    jax.block_until_ready(way())
    start = time.perf_counter()
    jax.block_until_ready(way())
    return time.perf_counter() - start


def masked_too(score: str, size: int) -> bool:
    """Is masking another program than the default, and worth its time here?"""
    return SCORES[score]().dense_below <= size <= MASKED_UP_TO and score != "general"


def many(rounds: int, size: int) -> int:
    """Rounds for sentences of `size`: a step of a long one hides the noise itself."""
    return 3 * rounds if size < 128 else rounds if size <= MASKED_UP_TO else 3


def by_length(score: str, sizes, rounds: int) -> list[Figure]:
    """The table of one score, and what its local windows gain."""
    print(f"\n{score}: ms of {STEPS} steps, MiB of temporaries")
    figures = []
    for size in sizes:
        ways = {}
        for window in WINDOWS:
            if window == "global, Gaussian" and size != 32:
                continue
            if size <= GLOBAL_UP_TO or window.startswith("local"):
                ways[window] = sequential(score, window, size)
            if masked_too(score, size) and window.startswith("local"):
                ways[f"{window}, masked"] = sequential(score, window, size, masked=True)
        taken = timed(ways, many(rounds, size))
        for name, way in ways.items():
            times = turns.spread(taken[name])
            print(f"  S {size:<6}{name:<18}{times:<32}{way.temporary:>8.1f} MiB")

        if size == 32:
            for window, over, detail in (
                ("local-m", "global", "dense: its own choice"),
                ("local-p", "global", "which predicts no centre"),
                ("local-p", "global, Gaussian", "which predicts it too"),
            ):
                name = f"{score} {window} / {over}, S=32"
                slower = turns.ratio(taken[window], taken[over])
                figures.append(Figure(name, slower, "x", "<= 1.1", detail))
        if size == 2048:
            target = ">= 20" if score == "additive" else ""
            for window in ("local-m", "local-p"):
                name = f"{score} {window} against global, S=2048"
                faster = turns.ratio(taken["global"], taken[window])
                figures.append(Figure(name, faster, "x", target, "whole"))
    return figures


def flatness(score: str, rounds: int, short=128, long=8192) -> list[Figure]:
    """Do the steps of local windows follow S? Does their memory?"""
    ways = {
        (window, size, walks): sequential(score, window, size, walks=walks)
        for window in ("local-m", "local-p")
        for size in (short, long)
        for walks in (1, 5)
    }
    shape = (SENTENCES, long, WIDTH)
    held = 4 * SENTENCES * long * WIDTH / MIB
    ways["zeros"] = CompiledGradient(lambda: (jnp.zeros(shape), jnp.zeros(shape)))
    taken = timed(
        {name: functools.partial(second, ways[name]) for name in ways}, rounds
    )
    print(f"\n{score}: S = {long}, zeros {turns.spread(taken['zeros'])}")
    figures = []
    for window in ("local-m", "local-p"):
        steps = {
            size: [
                (five - single) / 4
                for single, five in zip(
                    taken[window, size, 1], taken[window, size, 5], strict=True
                )
            ]
            for size in (short, long)
        }
        for size in (short, long):
            print(
                f"  S {size:<6}{window:<12}64 steps {turns.spread(steps[size]):<30}"
                f"whole {turns.spread(taken[window, size, 1])}"
            )
        slower = statistics.median(steps[long]) / statistics.median(steps[short])
        whole = turns.ratio(taken[window, long, 1], taken[window, short, 1])
        name = f"{score} {window}, S={long} / S={short}"
        figures += [
            Figure(f"{name}: 64 steps", slower, "x", "<= 1.5", "what is once cancels"),
            Figure(f"{name}: whole", whole, "x", "", "with two gradients zeroed"),
        ]
        for size in (short, long):
            name = f"{score} {window}, temporaries at S={size}"
            detail = f"keys, values and gradients: {4 * held * size / long:.0f} MiB"
            mib = ways[window, size, 1].temporary
            figures.append(Figure(name, mib, "MiB", "", detail))
    return figures


def unfed(rounds: int) -> list[Figure]:
    """All steps at once against a scan, where nothing feeds back."""
    print(f"\nwithout input feeding: ms of {STEPS} steps in a scan, and at once")
    figures = []
    for score, window, size in (
        *(
            (score, "global", size)
            for score in ("dot", "general")
            for size in (128, 512)
        ),
        ("dot", "local-p", 512),
        ("additive", "global", 128),
        ("additive", "local-p", 128),
    ):
        ways = {way: independent(score, window, size, way) for way in (False, True)}
        taken = timed(ways, rounds)
        name = f"{score} {window}, S={size}"
        scanned, batched = (turns.spread(taken[way]) for way in (False, True))
        print(f"  {name:<28}{scanned:<30}{batched}")
        faster = turns.ratio(taken[False], taken[True])
        if window == "global" and score != "additive":
            figures.append(
                Figure(f"{name}: at once", faster, "x", ">= 3", "over a scan")
            )
        else:
            detail = "over batching, which is not taken"
            figures.append(Figure(f"{name}: scan", 1 / faster, "x", ">= 1", detail))
    return figures


def main():
    parser = turns.parser(__doc__, rounds=7)
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 128, 512, 2048])
    options = parser.parse_args()
    figures = []
    for score in ("additive", "dot", "general"):
        figures += by_length(score, options.sizes, options.rounds)
    for score in ("additive", "dot"):
        figures += flatness(score, options.rounds)
    figures += unfed(options.rounds)
    turns.finish("attention", figures, options.json)


if __name__ == "__main__":
    main()
