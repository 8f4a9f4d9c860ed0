"""Sentences a second of greedy and beam search on Multi30k's test set, against PyTorch.

    python -m benchmarks.decoding [--rounds 5] [--parts]

The model has the shape of bahdanau2014 (GRUs of 256, 10,000 words a side) and weights
of a training so short that most translations are poor, but they end: 400 updates, made
once and kept in runs/bench/decoding. Ours is timed from words to words with their
alignments, PyTorch from word ids to word ids and theirs; both sort by length.
"""

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from unittest import mock

import jax
import numpy as np
from jax import lax

import attnlab
from attnlab.decoding.largest import largest, top_k
from attnlab.estimators import prediction
from attnlab.estimators.prediction import Search
from attnlab.tasks.translation import translator as translator_module
from attnlab.tasks.translation.trained import TrainedTranslation
from attnlab.tasks.translation.translator import Translator
from attnlab.text.multi30k import multi30k
from attnlab.text.vocabulary import EOS
from benchmarks import turns
from benchmarks.problem import by_path
from benchmarks.turns import Figure, Peer, in_turns, ratio, spread

TRAINED = turns.ROOT / "runs/bench/decoding"
SETTINGS = {
    "data.min_count": 1,
    "model.cell": "gru",  # which torch has a fused kernel for
    "model.dropout": 0.1,
    "train.steps": 400,
    "train.warmup": 50,
    "train.label_smoothing": 0.0,
    "train.evaluate_every": 50,
    "evaluate.dev_sentences": 1,
    "evaluate.beams": 1,
    "wandb.mode": "disabled",
}
PEER_ROWS = {1: 256, 5: 64}  # sentences a batch; best of 64 to 512 and 32 to 128


def trained() -> TrainedTranslation:
    """The model, trained on the first call; a training that was stopped goes on."""
    if not (TRAINED / "result.json").exists():
        print(f"training the weights, into {TRAINED} (minutes, once)", flush=True)
        flags = [f"--config.{name}={value}" for name, value in SETTINGS.items()]
        program = [sys.executable, "-m", "experiments.train"]
        # The file first: a setting before it is refused.
        command = [*program, "--config=configs/multi30k.py", *flags]
        command += [f"--workdir={TRAINED}"]
        subprocess.run(command, check=True, cwd=turns.ROOT, stdout=subprocess.DEVNULL)
    return attnlab.load(TRAINED)


def hand_over(peer: Peer, run, sources, folder: Path) -> None:
    """Give the peer the weights, and the sentences in their order."""
    ids = [run.translator.source.encode(words).ids for words in sources]
    everyone = [len(each) + 1 for each in ids]
    limits = np.ceil(np.float32(Search().ratio) * np.array(everyone, np.float32)) + 10
    source = np.zeros((len(ids), max(everyone)), np.int64)
    for row, each in zip(source, ids, strict=True):
        row[: len(each) + 1] = (*each, EOS)
    arrays = {"source": source, "lengths": np.array(everyone), "limits": limits}
    arrays = {name: array.astype(np.int64) for name, array in arrays.items()}
    np.savez(folder / "params.npz", **by_path(run.params))
    np.savez(folder / "sentences.npz", **arrays)
    model = run.translator.model
    peer.call(
        "make",
        folder=str(folder),
        decoder=model.decoder,
        sizes=[model.source_size, model.target_size],
        width=model.hidden,
    )


def alike(run, ours, folder: Path) -> tuple[float, float]:
    """Share of translations with the same words as the peer's, and the largest
    difference of weights in those."""
    same, apart = 0, 0.0
    with np.load(folder / "translations.npz") as theirs:
        for each, tokens, weights in zip(
            ours, theirs["tokens"], theirs["alignments"], strict=True
        ):
            words = run.translator.target.decode(tokens[(tokens > 0) & (tokens != EOS)])
            if list(each.target) == words:
                same += 1
                rows, columns = each.alignment.shape
                difference = np.abs(each.alignment - weights[:rows, :columns])
                apart = max(apart, float(difference.max(initial=0)))
    return same / len(ours), apart


def like(translator: Translator) -> Translator:
    """A translator of the same model, with programs of its own."""
    return Translator(
        translator.model,
        translator.source,
        translator.target,
        batch_size=translator.batch_size,
        edges=translator.edges,
    )


def without_leaving(translate):
    """`translate` by programs that run every row until the last sentence ends."""
    with mock.patch.object(Translator, "slots", lambda self, search: sys.maxsize):
        return translate()


def without_alignments(translate):
    """`translate` by a program that keeps no weights: none to carry, trace or merge."""

    def nothing(weights, *where):
        del where
        return weights[:, :0]

    with (
        mock.patch.object(prediction, "dense", nothing),
        mock.patch.object(translator_module, "merge_words", nothing),
    ):
        return translate()


def compare(run, sources, peer: Peer, beams: int, rounds: int, folder: Path):
    """Figures of one kind of search: PyTorch, ours, and ours without what it gains."""
    search = Search(beams=beams)
    name = "greedy" if beams == 1 else f"beam {beams}"
    plain, bare = like(run.translator), like(run.translator)

    def ours(translator):
        return lambda: translator.translate(run.params, sources, search)

    theirs = {"beams": beams, "rows": PEER_ROWS[beams]}
    ways = {
        "PyTorch": lambda: peer.call("translate", **theirs),
        "attnlab": ours(run.translator),
        "no alignments": lambda: without_alignments(ours(bare)),
        "nobody leaves": lambda: without_leaving(ours(plain)),
    }
    for way in ways.values():
        way()
    peer.call("translate", keep=True, **theirs)
    same, apart = alike(run, ways["attnlab"](), folder)
    taken = in_turns(ways, rounds)
    print(f"\n{name}, {len(sources)} sentences")
    for way, seconds in taken.items():
        speed = len(sources) / float(np.median(seconds))
        print(f"  {way:<16}{speed:>8.0f} sentences/s   {spread(seconds)}")
    lead = ratio(taken["PyTorch"], taken["attnlab"])
    cost = 100 * (ratio(taken["attnlab"], taken["no alignments"]) - 1)
    saved = ratio(taken["nobody leaves"], taken["attnlab"])
    detail = f"weights at most {apart:.1g} apart in these"
    return [
        Figure(f"{name} against PyTorch", lead, "x", ">= 1.3", "sentences/s"),
        Figure(f"{name}, same words as PyTorch", 100 * same, "%", ">= 99", detail),
        Figure(f"{name}, cost of alignments", cost, "%", "<= 5", "of the time without"),
        Figure(f"{name}, gained by leaving", saved, "x", "", "over whole queues"),
    ]


def parts(rows: int = 320, vocabulary: int = 10_000, rounds: int = 15) -> None:
    """Prints what `largest` and `top_k` gain over the primitives."""
    scores = jax.random.normal(jax.random.key(0), (rows, vocabulary))
    for title, ways in {
        "top 5": {
            "two levels": partial(top_k, k=5),
            "lax.top_k": lambda x: lax.top_k(x, 5),
        },
        "largest": {
            "maximum, then its place": largest,
            "max and argmax": lambda x: (x.max(axis=-1), x.argmax(axis=-1)),
        },
    }.items():
        compiled = {name: partial(jax.jit(way), scores) for name, way in ways.items()}
        for way in compiled.values():
            jax.block_until_ready(way())
        taken = in_turns(compiled, rounds)
        print(f"\n{title} of [{rows}, {vocabulary}]")
        for name, seconds in taken.items():
            print(f"  {name:<26}{spread(seconds)}")


def main() -> None:
    parser = turns.parser(__doc__, rounds=5)
    parser.add_argument("--parts", action="store_true", help="time the parts as well")
    options = parser.parse_args()
    if not turns.data_folder():
        raise SystemExit("Multi30k is needed: name the data folder in ATTNLAB_DATA")
    run = trained()
    test = multi30k(source="de", target="en").test
    sources = [pair.source for pair in test]
    figures = []
    with tempfile.TemporaryDirectory() as name, Peer("decoding.py") as peer:
        folder = Path(name)
        hand_over(peer, run, sources, folder)
        for beams, rounds in ((1, options.rounds), (5, max(3, options.rounds - 2))):
            figures += compare(run, sources, peer, beams, rounds, folder)
    if options.parts:
        parts()
    turns.finish("decoding", figures, options.json)


if __name__ == "__main__":
    main()
