import numpy as np
import pytest

from attnlab.text.decode_batches import queues
from attnlab.text.vocabulary import EOS, PAD


def sentences(lengths):
    """Ids that tell whose they are."""
    return [[10 + n] * length for n, length in enumerate(lengths)]


def test_every_sentence_once_longest_first():
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 24, 50).tolist()
    told = []
    for queue in queues(sentences(lengths), 48, (4, 8, 16), 3):
        rows, size = queue.source.shape
        for row, count, member in zip(
            queue.source, queue.source_lengths, queue.members, strict=False
        ):
            words = sentences(lengths)[member]
            assert row.tolist() == [*words, EOS, *[PAD] * size][:size]
            assert count == len(words) + 1
        fillers = rows - len(queue.members)
        assert queue.source_lengths[rows - fillers :].tolist() == [0] * fillers
        assert (queue.source[rows - fillers :] == PAD).all()
        told += queue.members.tolist()
    assert sorted(told) == list(range(50))
    assert [lengths[n] for n in told] == sorted(lengths, reverse=True)


@pytest.mark.parametrize(
    ("longest", "shape"),
    [(3, (12, 4)), (4, (6, 8)), (15, (3, 16)), (16, (1, 32)), (99, (1, 112))],
)
def test_rows_fit_the_tokens_and_the_slots(longest, shape):
    """EOS takes a place; a width has one number of rows, however many sentences."""
    for others in ([], [1] * 20):
        queue = queues(sentences([longest, *others]), 48, (4, 8, 16), 3)[0]
        assert queue.source.shape == shape


def test_nobody_waits():
    assert queues([], 48, (4, 8), 3) == []
