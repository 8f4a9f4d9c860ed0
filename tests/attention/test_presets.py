import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attnlab.attention import PRESETS, SCORES, Dims, attention, build, options_of
from attnlab.attention.normalizers import sparsemax
from attnlab.attention.scores import additive, location, with_coverage
from attnlab.attention.windows import global_window, local_p
from attnlab.settings import EstimatorSettings

DIMS = Dims(query=4, value=4, hidden=3)
CHOICES = ("score", "window", "normalizer", "read")
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
    chosen = {k: v for k, v in preset.settings.items() if k in CHOICES}
    options = {*CHOICES, *options_of(**chosen)}
    attend = build(**{k: v for k, v in preset.settings.items() if k in options})
    context = contexts(attend, attend.init(rng, DIMS))
    assert context.shape == (4,)
    assert np.isfinite(context).all()
    assert "20" in preset.paper
    others = {k: v for k, v in preset.settings.items() if k not in options}
    if "translation" not in preset.tasks:
        return  # what else it pins is in the configuration of its task
    decoder = {k: v for k, v in others.items() if k in DECODER}
    assert decoder.keys() == DECODER.keys()
    captions = {"gate", "doubly_stochastic"}
    rule = {*EstimatorSettings.model_fields, "k"}  # k of the learning rule top-k
    assert others.keys() - decoder.keys() <= rule | captions
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
        ({"score": "bilinear"}, "score 'bilinear'.* dot, .*cosine, uniform, none$"),
        ({"window": "localp"}, "window 'localp'.* global, local-m, local-p$"),
        (
            {"normalizer": "max"},
            "normalizer 'max'.* softmax, .*-1.5, monotonic, mocha$",
        ),
        ({"read": "firm"}, "read 'firm'.* soft, top-k, hard, straight-through$"),
        ({"window": "local-m", "half_width": 0}, "half_width is 0"),
        ({"window": "local-p", "gaussian": "on"}, "gaussian 'on'.* after, before$"),
        ({"score": "none", "fixed": "middle"}, "fixed 'middle'.* last, first, both"),
    ],
)
def test_unknown_names_list_the_choices(settings, message):
    with pytest.raises(ValueError, match=message):
        build(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gaussian": "before"}, "gaussian is 'before'.*general, global.*local-p"),
        ({"half_width": 3}, "half_width is 3.*window local-m, local-p"),
        ({"window": "local-p", "k": 3}, "k is 3.*local-p.*read top-k"),
        ({"max_length": 9}, "max_length is 9.*general.*score location"),
        ({"score": "location", "coverage": True}, "coverage is True.*score dot, sc"),
        ({"score": "uniform", "coverage": True}, "coverage is True.*score dot, sc"),
        ({"score": "dot", "fixed": "last"}, "fixed is 'last'.*score none"),
        ({"score": "none", "half_width": 3}, "half_width is 3.*'none'"),
        ({"halfwidth": 3}, "option 'halfwidth' = 3.*coverage, fixed, gaussian, half_"),
    ],
)
def test_an_option_that_no_choice_takes_is_refused(settings, message):
    """It names the option, its value, what was chosen and what would take it."""
    with pytest.raises(ValueError, match=message):
        build(**settings)


def test_the_options_of_choices_are_their_factories_arguments():
    assert options_of("general") == {"coverage"}
    assert options_of("location") == {"max_length"}
    assert options_of("uniform") == set()
    assert options_of("none", "local-p") == {"fixed"}
    assert options_of("dot", "local-m") == {"coverage", "half_width"}
    local_p = {"coverage", "half_width", "gaussian"}
    assert options_of("dot", "local-p", "sparsemax") == local_p
    assert options_of("dot", read="top-k") == {"coverage", "k"}
    seeing = set(SCORES) - {"location", "uniform"}
    assert {name for name in SCORES if "coverage" in options_of(name)} == seeing
    with pytest.raises(ValueError, match="score 'bilinear'"):
        options_of("bilinear")


@pytest.mark.parametrize(
    ("built", "shown"),
    [
        (build(), "general, global, softmax, soft"),
        (build("dot", "local-m", half_width=3), "dot, local-m(half_width=3), softmax"),
        (
            build("additive", "local-p", "sparsemax", gaussian="before", coverage=True),
            "additive with coverage, local-p(half_width=10, gaussian=before), spars",
        ),
        (build("location", read="top-k", k=2), "location(max_length=50), global"),
        (build(read="top-k", k=2), "general, global, softmax, top-k(k=2)"),
        (build("none", fixed="first"), "fixed-context(first)"),
    ],
)
def test_a_repr_shows_the_choices_and_their_options(built, shown):
    assert repr(built).startswith(f"Attention({shown}")
    assert built == built and {built: 1}[built] == 1


def test_reprs_of_parts_show_their_names():
    assert repr(SCORES["scaled-dot"]()) == "Score(scaled-dot)"
    assert repr(location(7)) == "Score(location(max_length=7))"
    assert repr(local_p(3)) == "Window(local-p(half_width=3))"
    assert repr(global_window()) == "Window(global)"
