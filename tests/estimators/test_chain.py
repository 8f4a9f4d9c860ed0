"""The chain against enumeration: every path through small sentences, one by one."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp

from attnlab.attention.base import Dims
from attnlab.attention.transitions import TRANSITIONS
from attnlab.estimators import chain as chains
from attnlab.estimators.chain import NULL, Chain, sample

# Compiled once for each shape, whatever the transition.
forward = jax.jit(chains.forward)
log_likelihood = jax.jit(chains.log_likelihood)
posterior = jax.jit(chains.posterior)
viterbi = jax.jit(chains.viterbi)
gradient_of = jax.jit(jax.grad(chains.log_likelihood, allow_int=True))


def path_log_probability(chain: Chain, path) -> float:
    """log p(path, y), a sum over the steps, written from the equation."""
    weights, jumps = np.asarray(chain.weights), np.exp(np.asarray(chain.jumps))
    last, nats = 0, 0.0  # 0: before the sentence
    for t, position in enumerate(path):
        null = float(chain.null[t])
        if position == NULL:
            if null == 0:
                return -np.inf
            nats += np.log(null) + float(chain.null_emissions[t])
            continue
        ways = jumps[last] * weights[t]
        if ways.sum() == 0:
            ways = weights[t]
        if ways[position] == 0:
            return -np.inf
        nats += np.log((1 - null) * ways[position] / ways.sum())
        nats += float(chain.emissions[t, position])
        last = position + 1
    return nats


def paths(chain: Chain):
    """Every path over the real steps, and its joint log-probability with y."""
    chain = jax.device_get(chain)  # as a number out of a JAX array takes its time
    steps, size = int(chain.real.sum()), chain.weights.shape[1]
    for path in itertools.product(range(NULL, size), repeat=steps):
        yield path, path_log_probability(chain, path)


def random_chain(
    seed: int,
    steps: int,
    size: int,
    *,
    transition: str = "jumps",
    null: float = 0.2,
    padding: tuple[int, int] = (0, 0),
    holes: bool = False,
    spread: float = 1.0,
) -> Chain:
    """Random numbers everywhere; `padding` of steps and of positions at the ends."""
    random = np.random.default_rng(seed)
    values = jnp.asarray(random.normal(size=(size, 3)))
    made = TRANSITIONS[transition]()
    params = made.init(jax.random.key(0), Dims(query=3, value=3, hidden=3))
    params = {k: jnp.asarray(random.normal(size=v.shape)) for k, v in params.items()}
    weights = random.dirichlet(np.ones(size), size=steps)
    if holes:  # a window: most positions can not be looked at
        weights *= random.random((steps, size)) < 0.4
        weights[weights.sum(axis=1) == 0, random.integers(size - padding[1])] = 1.0
    weights[:, size - padding[1] :] = 0
    return Chain(
        jnp.asarray(weights),
        made.log_potentials(params, values),
        jnp.asarray(spread * random.normal(size=(steps, size)) - 3),
        jnp.arange(steps) < steps - padding[0],
        jnp.full(steps, null) * jnp.asarray(random.random(steps) + 0.5),
        jnp.asarray(random.normal(size=steps) - 3),
    )


CASES = [
    {"transition": name} | more
    for name in TRANSITIONS
    for more in (
        {"steps": 4, "size": 3},
        {"steps": 4, "size": 4, "padding": (1, 1)},
        {"steps": 4, "size": 3, "null": 0.0},
        {"steps": 4, "size": 4, "holes": True, "null": 0.0},
        {"steps": 1, "size": 1},
        {"steps": 3, "size": 2, "spread": 40.0},
    )
]


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("case", CASES)
def test_likelihood_posterior_and_best_path_are_those_of_all_paths(case):
    chain = random_chain(3, **case)
    listed = list(paths(chain))
    total = logsumexp([nats for _, nats in listed])
    np.testing.assert_allclose(log_likelihood(chain), total, rtol=1e-9)
    expected = np.zeros(chain.weights.shape)
    nothing = np.zeros(len(chain.null))
    for path, nats in listed:
        for t, position in enumerate(path):
            if position == NULL:
                nothing[t] += np.exp(nats - total)
            else:
                expected[t, position] += np.exp(nats - total)
    found = posterior(chain)
    np.testing.assert_allclose(found.positions, expected, atol=1e-9)
    np.testing.assert_allclose(found.null, nothing, atol=1e-9)
    # At padding there is nothing at all, not next to nothing.
    assert not np.asarray(found.positions)[~np.asarray(chain.real)].any()
    assert not np.asarray(found.positions)[np.asarray(chain.weights) == 0].any()
    best = max(listed, key=lambda pair: pair[1])[1]
    walked = np.asarray(viterbi(chain))
    steps = int(chain.real.sum())
    walked_nats = path_log_probability(chain, walked[:steps])
    np.testing.assert_allclose(walked_nats, best, rtol=1e-9)
    assert (walked[steps:] == NULL).all()


@pytest.mark.parametrize("case", CASES[:5])
def test_priors_are_those_of_all_paths_so_far(case):
    chain = random_chain(4, **case)
    priors = forward(chain).priors
    for t in range(int(chain.real.sum())):
        # What comes at t is not looked at: its emissions are alike.
        until = chain._replace(
            emissions=chain.emissions.at[t].set(0.0),
            null_emissions=chain.null_emissions.at[t].set(0.0),
            real=jnp.arange(len(chain.real)) <= t,
        )
        total, expected = 0.0, np.zeros(chain.weights.shape[1])
        for path, nats in paths(until):
            total += np.exp(nats)
            if path[t] != NULL:
                expected[path[t]] += np.exp(nats)
        np.testing.assert_allclose(priors[t], expected / total, atol=1e-9)


@pytest.mark.parametrize("name", TRANSITIONS)
def test_gradients_are_those_of_finite_differences(name):
    chain = random_chain(5, 3, 3, transition=name, padding=(1, 0))
    gradients = gradient_of(chain)
    for field in ("weights", "emissions", "null", "null_emissions", "jumps"):
        array = getattr(chain, field)
        gradient = np.asarray(getattr(gradients, field))
        assert np.isfinite(gradient).all()
        for index in np.ndindex(array.shape):
            if not np.isfinite(array[index]) or (field == "weights" and index[0] == 2):
                assert gradient[index] == 0
                continue
            more, less = (array.at[index].add(h) for h in (1e-6, -1e-6))
            numeric = (
                log_likelihood(chain._replace(**{field: more}))
                - log_likelihood(chain._replace(**{field: less}))
            ) / 2e-6
            np.testing.assert_allclose(gradient[index], numeric, atol=1e-7)


@pytest.mark.parametrize("null", [0.0, 0.3])
def test_without_a_transition_it_is_the_marginal_of_each_step(null):
    chain = random_chain(6, 5, 4, transition="none", null=null)
    p = np.asarray(chain.weights) * (1 - np.asarray(chain.null))[:, None]
    expected = np.log(
        (p * np.exp(chain.emissions)).sum(axis=1)
        + np.asarray(chain.null) * np.exp(chain.null_emissions)
    )
    np.testing.assert_allclose(forward(chain).log_probs, expected, rtol=1e-9)


def test_samples_come_as_often_as_their_paths_are_probable():
    chain = random_chain(7, 3, 2, padding=(0, 0))
    listed = dict(paths(chain))
    total = logsumexp(list(listed.values()))
    keys = jax.random.split(jax.random.key(1), 20_000)
    drawn = np.asarray(jax.jit(jax.vmap(lambda rng: sample(rng, chain)))(keys))
    for path, nats in listed.items():
        share, p = (drawn == path).all(axis=1).mean(), np.exp(nats - total)
        # Five standard errors.
        assert abs(share - p) < 5 * np.sqrt(p * (1 - p) / len(keys)) + 1e-9


def test_no_target_word_and_unlikely_words_stay_finite():
    nothing = random_chain(8, 3, 3, padding=(3, 0))
    assert log_likelihood(nothing) == 0
    assert not np.asarray(posterior(nothing).positions).any()
    far = random_chain(9, 4, 3, transition="monotonic", spread=300.0)
    assert np.isfinite(gradient_of(far).emissions).all()
    total = logsumexp([nats for _, nats in paths(far)])
    np.testing.assert_allclose(log_likelihood(far), total, rtol=1e-9)


@pytest.mark.parametrize("exponent", [10, 21, 29, 35])
def test_weights_that_hardly_allow_a_way_have_finite_gradients(exponent):
    """All weight is on the first position, which a monotonic chain has left."""
    chain = random_chain(10, 4, 3, transition="monotonic", null=0.0)
    rare = 10.0**-exponent
    weights = jnp.array([[0.0, 0.0, 1.0]] + 3 * [[1 - rare, rare / 2, rare / 2]])
    with jax.enable_x64(False):
        narrow = jax.tree.map(jnp.float32, chain._replace(weights=weights))
        narrow = narrow._replace(real=jnp.asarray(np.asarray(chain.real)))
        logs = jnp.log(narrow.weights + 1e-38)

        def of(logs):
            return chains.log_likelihood(narrow._replace(weights=jnp.exp(logs)))

        value, slopes = jax.jit(jax.value_and_grad(of))(logs)
    assert np.isfinite(value) and np.isfinite(slopes).all()
    if exponent < 29:  # it stays where it is, however improbable that is
        expected = log_likelihood(chain._replace(weights=weights))
        np.testing.assert_allclose(value, expected, rtol=1e-4)


def test_bfloat16_is_widened_and_float32_is_near():
    chain = random_chain(10, 5, 4)
    exact = float(log_likelihood(chain))

    def as_type(kind):
        return jax.tree.map(lambda x: x if x.dtype == bool else x.astype(kind), chain)

    single = as_type(jnp.float32)
    assert log_likelihood(single).dtype == jnp.float32
    np.testing.assert_allclose(log_likelihood(single), exact, rtol=1e-6)
    np.testing.assert_allclose(
        posterior(single).positions, posterior(chain).positions, atol=1e-6
    )
    half = log_likelihood(as_type(jnp.bfloat16))
    assert half.dtype == jnp.float32
    np.testing.assert_allclose(half, exact, rtol=0.02)


def test_a_batch_goes_by_vmap():
    one = random_chain(11, 4, 3)
    two = random_chain(12, 4, 3, padding=(2, 1))
    both = jax.tree.map(lambda a, b: jnp.stack([a, b]), one, two)
    together = jax.vmap(log_likelihood)(both)
    np.testing.assert_allclose(
        together, [log_likelihood(one), log_likelihood(two)], rtol=1e-12
    )


@pytest.mark.parametrize("transition", ["jumps", "none", "monotonic"])
def test_weights_of_one_step_are_those_of_all(transition):
    chain = random_chain(13, 4, 3, transition=transition, padding=(1, 0))
    once = chain._replace(weights=chain.weights[:1])
    chain = chain._replace(weights=jnp.tile(chain.weights[:1], (4, 1)))
    listed = [nats for _, nats in paths(chain)]
    np.testing.assert_allclose(log_likelihood(once), logsumexp(listed), rtol=1e-9)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12),
        (forward(once), posterior(once), viterbi(once)),
        (forward(chain), posterior(chain), viterbi(chain)),
    )
    found, expected = gradient_of(once), gradient_of(chain)
    np.testing.assert_allclose(found.jumps, expected.jumps, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.weights[0], expected.weights.sum(0), atol=1e-12)
    np.testing.assert_array_equal(
        *(sample(jax.random.key(0), each) for each in (once, chain))
    )


@pytest.mark.parametrize("name", ["jumps", "jumps-by-word", "monotonic"])
@pytest.mark.parametrize("reach", [0, -1, 1.5])
def test_a_reach_that_is_none_is_refused(name, reach):
    with pytest.raises(ValueError, match="reach"):
        TRANSITIONS[name](reach)
