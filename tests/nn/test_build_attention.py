"""A run's attention: its choices, and of its options those that the choices take."""

import pytest

from attnlab.attention.presets import READS, SCORES, WINDOWS, options_of
from attnlab.nn.build_attention import build_attention
from attnlab.settings import AttentionSettings, EstimatorSettings, LearningSettings


def settings(learning="cross-entropy", **model) -> LearningSettings:
    if model.get("read") in ("hard", "straight-through") and learning[0] == "c":
        learning = "gumbel"
    return LearningSettings(
        task="any",
        model=AttentionSettings(**model),
        estimator=EstimatorSettings(learning=learning),
    )


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ({}, "general, global, softmax, soft"),
        (
            {"window": "local-p", "half_width": 3, "gaussian": "before"},
            "general, local-p(half_width=3, gaussian=before), softmax, soft",
        ),
        ({"read": "top-k", "k": 2}, "general, global, softmax, top-k(k=2)"),
        ({"score": "location", "max_length": 7}, "location(max_length=7), global, s"),
        ({"coverage": True, "score": "additive"}, "additive with coverage, global"),
        ({"score": "none", "half_width": 3}, "fixed-context(both)"),
    ],
)
def test_options_are_those_of_the_settings(model, shown):
    attend = build_attention(settings(**model), fixed="both")
    assert repr(attend).startswith(f"Attention({shown}")


@pytest.mark.parametrize("score", [*SCORES, "none"])
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("read", READS)
def test_every_option_of_a_choice_is_a_setting(score, window, read):
    fields = set(AttentionSettings.model_fields)
    assert options_of(score, window, read=read) - {"fixed"} <= fields
    if score != "none":
        build_attention(settings(score=score, window=window, read=read))


@pytest.mark.parametrize(
    ("read", "learning", "built"),
    [
        ("hard", "gumbel", "straight-through"),
        ("hard", "marginal", "hard"),
        ("straight-through", "gumbel", "straight-through"),
        ("soft", "cross-entropy", "soft"),
    ],
)
def test_a_hard_read_is_built_relaxed_where_it_learns_by_gumbel(read, learning, built):
    attend = build_attention(settings(learning, read=read))
    assert attend.name.split(", ")[-1] == built


@pytest.mark.parametrize("score", ["location", "uniform"])
def test_coverage_of_a_score_without_keys_is_refused(score):
    with pytest.raises(ValueError, match=f"model.coverage.*{score}"):
        AttentionSettings(score=score, coverage=True)
