"""From a configuration to a captioner and its pictures, and what is wrong with it."""

from collections.abc import Mapping, Sequence
from typing import Any

from attnlab.attention.presets import build
from attnlab.decoding.beam import LENGTH_PENALTIES
from attnlab.estimators.objective import check_objective, training_read
from attnlab.estimators.prediction import PREDICTIONS
from attnlab.nn.cells import cell_named
from attnlab.tasks.captioning import pictures as sources
from attnlab.tasks.captioning.batches import Pictures
from attnlab.tasks.captioning.image_encoder import grid_of
from attnlab.tasks.captioning.model import CaptionModel

ANNOTATIONS = ("conv", "given")


def build_model(
    config: Mapping[str, Any], shape: tuple[int, int, int], target_size: int
) -> CaptionModel:
    """The captioner of a configuration, for pictures or features of this shape."""
    model = config["model"]
    attention = build(
        model["score"],
        model["window"],
        model["normalizer"],
        training_read(config),
        half_width=model["half_width"],
        gaussian=model["gaussian"],
        coverage=model["coverage"],
        max_length=model["max_length"],
        k=model["k"],
        fixed="mean",
    )
    return CaptionModel(
        shape=shape,
        channels=channels_of(config),
        target_size=target_size,
        attention=attention,
        cell=cell_named(model["cell"]),
        embedding=model["embedding"],
        hidden=model["hidden"],
        attention_hidden=model["attention_hidden"],
        gate=model["gate"],
        tied=model["tied"],
        dropout=model["dropout"],
        inference=config["estimator"]["learning"] == "elbo",
    )


def channels_of(config: Mapping[str, Any]) -> tuple[int, ...]:
    """The widths of the convolutions; none where features are given."""
    model = config["model"]
    return tuple(model["channels"]) if model["annotations"] == "conv" else ()


def grid_shape(config: Mapping[str, Any], shape: Sequence[int]) -> tuple[int, int]:
    """Rows and columns of the cells that are attended to."""
    return grid_of(shape, len(channels_of(config)))


def load_pictures(config: Mapping[str, Any]) -> Pictures:
    """The pictures of `data.name` with the options under that name in `data`."""
    data = config["data"]
    options = {
        key: value
        for key, value in dict(data.get(data["name"], {})).items()
        if value is not None
    }
    return sources.load(data["name"], **options)


def check(config: Mapping[str, Any], pictures: Pictures) -> None:
    """ValueErrors for what would else be noticed only after training."""
    check_objective(config)
    for split in ("train", "dev", "test"):
        if not getattr(pictures, split):
            name = pictures.name
            raise ValueError(f"{name!r} has no {split} pictures: data.{name}")
    model, train, evaluate = config["model"], config["train"], config["evaluate"]
    for name, value, known in (
        ("model.annotations", model["annotations"], ANNOTATIONS),
        ("evaluate.length_penalty", evaluate["length_penalty"], LENGTH_PENALTIES),
        ("evaluate.predict", evaluate["predict"], ("", *PREDICTIONS)),
    ):
        if value not in known:
            listed = ", ".join(map(repr, known))
            raise ValueError(f"unknown {name} {value!r}; choose {listed}")
    if (model["annotations"] == "given") != pictures.given:
        held = "features" if pictures.given else "pictures"
        wanted = "given" if pictures.given else "conv"
        raise ValueError(
            f"{pictures.name!r} holds {held}, which need model.annotations {wanted}, "
            f"not {model['annotations']}"
        )
    if model["annotations"] == "conv" and not model["channels"]:
        raise ValueError("model.channels is empty; give a width for each convolution")
    for section, name in (
        ("train", "steps"),
        ("train", "evaluate_every"),
        ("train", "log_every"),
        ("evaluate", "beams"),
        ("evaluate", "pictures"),
        ("evaluate", "dev_pictures"),
        ("evaluate", "longest"),
        ("evaluate", "positions"),
    ):
        if config[section][name] < 1:
            value = config[section][name]
            raise ValueError(f"{section}.{name} is {value}; it must be positive")
    if train["doubly_stochastic"] < 0:
        value = train["doubly_stochastic"]
        raise ValueError(f"train.doubly_stochastic is {value}; it must not be negative")
    for name, value in (
        ("model.dropout", model["dropout"]),
        ("train.label_smoothing", train["label_smoothing"]),
    ):
        if not 0.0 <= value < 1.0:
            raise ValueError(f"{name} is {value}; it must be in [0, 1)")
