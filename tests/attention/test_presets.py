import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention import PRESETS, Dims, attention, build
from attnlab.attention.normalizers import sparsemax
from attnlab.attention.scores import additive, location, with_coverage
from attnlab.attention.windows import global_window, local_p
from configs.translation import get_config

DIMS = Dims(query=4, value=4, hidden=3)
DECODER = {
    "decoder": ("bahdanau", "luong"),
    "encoder": ("bi", "uni"),
    "cell": ("cho-gru", "gru", "lstm"),
    "layers": (1, 2, 4),
    "input_feeding": (True, False),
    "reverse_source": (True, False),
    "eos_in_memory": (True, False),
}


def contexts(attend, params, size=9):
    values = jnp.asarray(np.random.default_rng(0).normal(size=(size, 4)), "float32")
    memory = attend.prepare(params, values, jnp.arange(size) < 7, 6)
    query = jnp.array([0.5, -1.0, 0.25, 2.0])
    carry = attend.start(memory)
    return attend.apply(params, query, memory, step=2, carry=carry).context


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds_and_reads(rng, name):
    preset = PRESETS[name]
    options = inspect.signature(build).parameters
    attend = build(**{k: v for k, v in preset.settings.items() if k in options})
    context = contexts(attend, attend.init(rng, DIMS))
    assert context.shape == (4,)
    assert np.isfinite(context).all()
    assert "20" in preset.paper
    others = {k: v for k, v in preset.settings.items() if k not in options}
    if "translate" not in preset.tasks:
        return  # what else it pins is in the configuration of its task
    decoder = {k: v for k, v in others.items() if k in DECODER}
    assert decoder.keys() == DECODER.keys()
    captions = {"gate", "doubly_stochastic"}
    estimator = set(get_config().estimator.keys())
    assert others.keys() - decoder.keys() <= estimator | captions
    assert all(value in DECODER[field] for field, value in decoder.items())


@pytest.mark.parametrize(
    ("built", "by_hand"),
    [
        (
            build("location", "local-p", "sparsemax", half_width=3, max_length=7),
            attention(location(7), local_p(3), sparsemax),
        ),
        (
            build("additive", normalizer="sparsemax", coverage=True),
            attention(with_coverage(additive()), global_window(), sparsemax),
        ),
        (
            build("additive", "local-p", "sparsemax", half_width=2, gaussian="before"),
            attention(additive(), local_p(2, "before"), sparsemax),
        ),
    ],
)
def test_build_composes_what_the_names_say(rng, built, by_hand):
    params = built.init(rng, DIMS)
    expected = by_hand.init(jax.random.key(0), DIMS)
    jax.tree.map(np.testing.assert_array_equal, params, expected)
    np.testing.assert_array_equal(contexts(built, params), contexts(by_hand, params))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"score": "bilinear"}, "unknown score 'bilinear'; choose dot, .*cosine, none"),
        ({"window": "localp"}, "unknown window 'localp'; choose global, local-m, lo"),
        ({"normalizer": "max"}, "unknown normalizer 'max'; choose softmax, sparsemax"),
        ({"read": "firm"}, "unknown read 'firm'; choose soft, top-k, hard, straight"),
        ({"window": "local-m", "half_width": 0}, "half_width is 0"),
        ({"window": "local-p", "gaussian": "on"}, "gaussian 'on'; choose after, befor"),
    ],
)
def test_unknown_names_list_the_choices(settings, message):
    with pytest.raises(ValueError, match=message):
        build(**settings)
