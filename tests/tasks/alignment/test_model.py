"""An aligner against loops written from its equations, and what it learns by."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.estimators.chain import log_likelihood
from attnlab.tasks.alignment.batches import (
    AlignmentBatch,
    AlignmentBatches,
    WordList,
    draw,
    everything,
    make_side,
    occurring,
    placed,
)
from attnlab.tasks.alignment.loss import make_loss, passes
from attnlab.tasks.alignment.model import make_aligner
from attnlab.tasks.alignment.normalizers import Normalizers
from attnlab.tasks.alignment.settings import AlignmentModel
from attnlab.tasks.alignment.spelling import parts, spelled
from attnlab.text.batching import bucketed
from attnlab.text.vocabulary import UNK, Vocabulary
from tests.estimators.toy import FAST

SOURCE = Vocabulary(["le", "chat", "noir", "dort", "paris"])
TARGET = Vocabulary(["the", "cat", "black", "sleeps", "paris", "now"])
WIDTH = 6  # of the spellings


def settings(**chosen) -> AlignmentModel:
    small = {"embedding": 3, "reach": 2, "spelling": WIDTH, "dropout": 0.0}
    return AlignmentModel(**(small | chosen))


def made_batch(spelling: int = WIDTH) -> AlignmentBatch:
    """Two pairs, the second shorter; the whole vocabularies as candidates."""
    source = make_side(SOURCE, spelling, random=False)
    target = make_side(TARGET, spelling, random=False)
    ids = np.array([[4, 5, 6, 7], [4, 8, 0, 0]], np.int32)
    others = np.array([[4, 6, 5], [8, 0, 0]], np.int32)
    return AlignmentBatch.of(
        placed(ids, np.array([5, 3]), everything(source)),
        placed(others, np.array([4, 2]), everything(target)),
    )


def made_params(model: AlignmentModel, seed: int = 0):
    aligner = make_aligner(model)
    counts = np.ones(SOURCE.size), np.ones(TARGET.size)
    params = {
        "forward": aligner.init(jax.random.key(seed), *counts),
        "backward": aligner.init(jax.random.key(seed + 1), *counts[::-1]),
    }
    random = np.random.default_rng(seed)
    return aligner, jax.tree.map(
        lambda leaf: jnp.asarray(random.normal(size=leaf.shape), jnp.float32), params
    )


@pytest.mark.parametrize(
    "chosen",
    [{}, {"neighbors": 0}, {"neighbors": 2}, {"spelling": 0}, {"transition": "jumps"}],
)
def test_emissions_are_those_of_the_equations(chosen):
    model = settings(**chosen)
    batch = made_batch(model.spelling)
    aligner, params = made_params(model)
    forward = jax.tree.map(np.asarray, params["forward"])
    source, target = batch.sides
    chains = jax.jit(lambda params: aligner.chains(params, source, target))
    chain = jax.device_get(chains(params["forward"]))
    for b in range(2):
        # The lists are the whole vocabularies: places are numbers of words.
        words, length = source.places[b], int(source.lengths[b])
        for t in range(int(target.lengths[b])):
            for s in (*range(length), None):  # None: NULL
                if s is None:
                    read = np.concatenate([forward["null"], np.zeros(model.spelling)])
                else:
                    read = forward["source"][words[s]]
                    if model.spelling:
                        spelling = source.known.spelling[words[s]] @ forward["spelling"]
                        read = np.concatenate([read, spelling])
                scores = []
                for v in range(UNK, TARGET.size):
                    word = forward["target"][v]
                    word = np.concatenate([word, target.known.spelling[v]])
                    scores.append(read @ word + forward["bias"][v])
                scores = np.array(scores)
                logs = scores - np.log(np.exp(scores).sum())
                expected = logs[target.places[b, t] - UNK]
                found = chain.null_emissions[b, t] if s is None else None
                found = chain.emissions[b, t, s] if found is None else found
                np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(chain.real, [[True] * 3, [True, False, False]])
    np.testing.assert_array_equal(np.asarray(chain.weights)[1], [[1, 1, 0, 0]])


def minimized(aligner, agree_from: float, updates: int = 0):
    loss = make_loss(aligner, agree_from)

    def of(params, batch):
        value, more = loss(params, batch, jax.random.key(0), jnp.int32(updates))
        return value, (value, *more)

    return of


def gradient(function):
    """(Gradient, what else it gives), in one program."""
    return jax.jit(jax.grad(function, has_aux=True), compiler_options=FAST)


def plain(aligner):
    """Minus the likelihood of both sides."""

    def of(params, batch):
        source, target = batch.sides
        keys = [*jax.random.split(jax.random.key(0))]
        one = aligner.chains(params["forward"], source, target, rng=keys[0])
        two = aligner.chains(params["backward"], target, source, rng=keys[1])
        nats = -sum(jax.vmap(log_likelihood)(chain).sum() for chain in (one, two))
        return nats, (nats,)

    return of


@pytest.mark.parametrize("transition", ["jumps-by-word", "none", "monotonic"])
def test_before_agreement_the_gradient_is_that_of_the_likelihood(transition):
    aligner, params = made_params(settings(transition=transition))
    batch = made_batch()
    found, (value, sums, updates) = gradient(minimized(aligner, 5.0))(params, batch)
    expected, (nats,) = gradient(plain(aligner))(params, batch)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        found,
        expected,
    )
    np.testing.assert_allclose(sums.loss, nats, rtol=1e-5)
    assert sums.tokens == 4 + 2 + 3 + 1 and updates == 1
    assert np.isfinite(value)


def test_agreement_weighs_each_link_by_the_other_direction():
    aligner, params = made_params(settings())
    batch = made_batch()
    follow = jax.jit(
        lambda params: passes(aligner, params, batch, rng=jax.random.key(0))
    )
    forward, backward = follow(params)
    gamma, delta = (np.asarray(p.posterior.positions) for p in (forward, backward))
    null = np.asarray(forward.posterior.null)
    weights, nothing = np.zeros_like(gamma), np.zeros_like(null)
    for b in range(2):
        for t in range(3):
            nothing[b, t] = null[b, t]
            for s in range(4):
                weights[b, t, s] = gamma[b, t, s] * delta[b, s, t]
                nothing[b, t] *= 1 - delta[b, s, t]

    def expected(params):
        """The gradient is that of emissions so weighted; jumps learn by themselves."""
        one = passes(aligner, params, batch, rng=jax.random.key(0))[0].chain
        return -(weights * one.emissions).sum() - (nothing * one.null_emissions).sum()

    agreeing = gradient(minimized(aligner, 5.0, updates=5))(params, batch)[0]
    found = agreeing["forward"]
    wanted = jax.jit(jax.grad(expected), compiler_options=FAST)(params)["forward"]
    for name in ("source", "target", "bias", "null", "spelling"):
        if name == "source":  # jumps see it, too
            continue
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-3, atol=1e-5)
    before = gradient(minimized(aligner, 5.0))(params, batch)[0]["forward"]
    for leaf, then in zip(
        jax.tree.leaves(found["transition"]),
        jax.tree.leaves(before["transition"]),
        strict=True,
    ):
        np.testing.assert_allclose(leaf, then, rtol=1e-4, atol=1e-6)


def test_a_word_is_the_sum_of_its_parts():
    assert list(parts("ab")) == ["\0ab", "ab\0", "\0ab\0", "ab\0"]
    features = spelled(["paris", "paris", "pariser", "xyz"], 64)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(features[0], features[1])
    assert features[0] @ features[2] > 0.3 > abs(features[0] @ features[3])
    blind = spelled(["paris", "paris", "pariser"], 64, random=True)
    np.testing.assert_array_equal(blind[0], blind[1])
    assert abs(blind[0] @ blind[2]) < 0.4


def test_unknown_words_have_a_spelling_when_they_are_aligned():
    side = make_side(SOURCE, WIDTH, random=False)
    ids = np.array([[4, UNK, UNK, 2], [UNK, 4, 2, 0]], np.int32)
    texts = [["le", "berlin", "<unk>"], ["berlin", "le"]]
    words, keys = occurring(ids, np.array([4, 3]), texts, side)
    assert keys == [UNK, 4, "berlin", "<unk>"]
    np.testing.assert_array_equal(words.places, [[1, 2, 3, 0], [2, 1, 0, 0]])
    np.testing.assert_array_equal(words.lengths, [3, 2])
    known = words.known
    assert not known.spelling[0].any() and len(known.ids) == ids.size + 1
    np.testing.assert_array_equal(known.ids[:4], [UNK, 4, UNK, UNK])
    np.testing.assert_array_equal(known.spelling[2], spelled(["berlin"], WIDTH)[0])
    np.testing.assert_array_equal(known.spelling[1], side.spelling[4])


def test_a_normalizer_is_the_sum_over_the_vocabulary_and_computed_once():
    aligner, params = made_params(settings())
    source = make_side(SOURCE, WIDTH, random=False)
    target = make_side(TARGET, WIDTH, random=False)
    norms = Normalizers(aligner, "forward", target)
    ids = np.array([[6, UNK, 2]], np.int32)
    words, keys = occurring(ids, np.array([3]), [["noir", "berlin"]], source)
    found = norms.of(params, words.known, keys)
    forward = jax.tree.map(np.asarray, params["forward"])
    spellings = np.concatenate([source.spelling, spelled(["berlin"], WIDTH)])
    for place, (index, spelling) in {
        1: (6, spellings[6] @ forward["spelling"]),
        2: (UNK, spellings[-1] @ forward["spelling"]),
        -1: (None, np.zeros(WIDTH)),
    }.items():
        word = forward["null"] if index is None else forward["source"][index]
        said = np.concatenate([forward["target"], target.spelling], axis=1)[UNK:]
        scores = said @ np.concatenate([word, spelling]) + forward["bias"][UNK:]
        expected = np.log(np.exp(scores).sum())
        np.testing.assert_allclose(found[place], expected, rtol=1e-5)
    assert not found[len(keys) : -1].any()
    calls = []
    norms._compute = lambda *given: calls.append(given) or np.zeros(257)
    np.testing.assert_array_equal(norms.of(params, words.known, keys), found)
    assert not calls
    other = jax.tree.map(jnp.zeros_like, params)
    assert not norms.of(other, words.known, keys).any() and len(calls) == 1


def test_a_word_that_a_list_lacks_is_unknown_there():
    side = make_side(SOURCE, 0, random=False)
    known = WordList(np.array([8, UNK, 5]), side.spelling[[8, UNK, 5]], np.zeros(3))
    words = placed(np.array([[5, 4, 8, 2]]), np.array([4]), known)
    np.testing.assert_array_equal(words.places, [[2, 1, 0, 1]])
    np.testing.assert_array_equal(words.lengths, [3])


def test_candidates_sum_to_the_vocabulary_in_expectation():
    words = [f"w{k}" for k in range(200)]
    side = make_side(Vocabulary(words), 0, random=False)
    ids = np.array([[150, 4, 0], [160, UNK, 2]])
    scores = np.random.default_rng(0).normal(size=side.vocabulary.size)
    exact = np.exp(scores[UNK:]).sum()
    sums = []
    for seed in range(400):
        chosen = draw(np.random.default_rng(seed), ids, side, 60)
        assert {150, 160, 4, UNK} <= set(chosen.ids.tolist())
        assert len(set(chosen.ids.tolist())) == 60 and chosen.ids.min() == UNK
        own = np.isin(chosen.ids, [150, 160, 4, UNK])
        assert not chosen.log_weights[own].any()
        sums.append(np.exp(scores[chosen.ids] + chosen.log_weights).sum())
    assert abs(np.mean(sums) - exact) < 5 * np.std(sums) / 20
    # Its own words come before frequent ones, and the rarest are lost first.
    tight = draw(np.random.default_rng(0), ids, side, 5)
    assert {*tight.ids[:4].tolist()} == {UNK, 4, 150, 160} and tight.ids[4] not in ids
    assert {*draw(np.random.default_rng(0), ids, side, 4).ids[:3]} == {UNK, 4, 150}
    few = draw(np.random.default_rng(0), ids, side, 1000)
    np.testing.assert_array_equal(few.ids, everything(side).ids)


def test_a_batch_is_a_function_of_seed_and_step():
    pairs = [([4, 5], [4, 5, 6]), ([6, 7, 8], [7, 8]), ([4], [9])] * 4

    def at(step: int, seed: int = 0) -> AlignmentBatch:
        plain = bucketed(pairs, batch_size=4, shapes=1, longest=9, seed=seed)
        sides = make_side(SOURCE, 4, False), make_side(TARGET, 4, False)
        return AlignmentBatches(plain, *sides, 8, seed).at(step)

    for one, two in zip(at(5), at(5), strict=True):
        np.testing.assert_array_equal(one, two)
    assert any((a != b).any() for a, b in zip(at(5), at(6), strict=True))
    batch = at(0)
    source, target = batch.sides
    assert source.lengths.max() <= 3 and target.lengths.max() <= 3
    for side in (source, target):
        real = np.arange(side.places.shape[1])[None] < side.lengths[:, None]
        assert (side.known.ids[side.places[real]] > UNK).all()
