"""Typed settings: from a ConfigDict or a config.json to frozen, checked records.

A setting stands once, as a field of a record: its name, type, default, range or
choices, and the sentence below it that says what it is.

    class TrainSettings(Settings):
        steps: Count = 1500
        \"\"\"Updates of the parameters.\"\"\"

From the record follow the ConfigDict that a config file changes, the check of every run
(whose errors give the dotted path, the value and what is allowed), both in
`attnlab.parsing`, and `docs/settings.md` (`experiments.settings`). Nothing is read by
string below that. This module does not import JAX until a choice is checked.
"""

import importlib
import inspect
import re
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    create_model,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core.core_schema import CoreSchema, no_info_after_validator_function

VERSION = 4
"""Of the settings in a config.json; `attnlab.runs.config` reads older ones."""

MONOTONIC = ("monotonic", "mocha")
"""Normalizers that walk on from where the last step stopped: the names in
`attnlab.attention.monotonic.MONOTONIC`."""

RUN_KEYS = ("version", "row", "slug", "order", "places", "extends")
"""What a config.json has beside settings: which row of which sweep it is, and which run
it goes on from."""

# Types of settings that recur. Numbers are always finite.
# Steps and the like are counted in 32 bits on a device.
MOST = 2**31 - 1
Count = Annotated[int, Field(ge=1, le=MOST)]
Size = Annotated[int, Field(ge=0, le=MOST)]
# Of an axis of arrays: rows of a batch, units of a layer. Far more than fits anywhere,
# and little enough for the product of two to be counted.
MOST_UNITS = 1_000_000
Units = Annotated[int, Field(ge=1, le=MOST_UNITS)]
UnitsOrNone = Annotated[int, Field(ge=0, le=MOST_UNITS)]
# Of parts that are made one by one: layers, hops, heads, shapes of batches.
MOST_FEW = 1_000
Few = Annotated[int, Field(ge=1, le=MOST_FEW)]
FewOrNone = Annotated[int, Field(ge=0, le=MOST_FEW)]
# Of examples that are generated, and then held in memory.
Examples = Annotated[int, Field(ge=1, le=10_000_000)]
ExamplesOrNone = Annotated[int, Field(ge=0, le=10_000_000)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]


def rising(widths: tuple[int, ...]) -> tuple[int, ...]:
    """Widths of batches, checked to rise from at least 2: a word and its end mark.

    Args:
      widths: none or several.

    Returns:
      The same widths.

    Raises:
      ValueError: where they do not.
    """
    if any(a >= b for a, b in zip((1, *widths), widths, strict=False)):
        raise ValueError("they must rise from at least 2")
    return widths


Widths = Annotated[tuple[Count, ...], AfterValidator(rising)]


def ascending(pair: tuple[int, int]) -> tuple[int, int]:
    """A pair (least, most), checked to be in order.

    Args:
      pair: the two numbers.

    Returns:
      The same pair.

    Raises:
      ValueError: where the least is above the most.
    """
    if pair[0] > pair[1]:
        raise ValueError("it must be (least, most)")
    return pair


Range = Annotated[tuple[Count, Count], AfterValidator(ascending)]

# The name of a module, as `import` has it.
Module = Annotated[
    str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$")
]


class Choice:
    """One of the names in a table that is imported when a setting is first checked.

    `Annotated[str, Choice("attnlab.attention.presets:SCORES", "none")]`: the keys of
    SCORES, or "none". So a new score is a line in its table, and reading a config file
    does not import JAX. A table that is there already is given itself.
    """

    def __init__(self, table: str | Mapping[str, object], *others: str):
        self._table, self.others = table, others

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return no_info_after_validator_function(self.check, handler(source))

    @property
    def table(self) -> Mapping[str, object]:
        """What may be chosen, by name, without the others."""
        if not isinstance(self._table, str):
            return self._table
        module, name = self._table.split(":")
        return getattr(importlib.import_module(module), name)

    def names(self) -> list[str]:
        """All that may be chosen.

        Returns:
          The keys of the table in its order, then the others.
        """
        return [*self.table, *self.others]

    def check(self, value: str) -> str:
        """A name, checked.

        Args:
          value: what was chosen.

        Returns:
          The same name.

        Raises:
          ValueError: where it is not in the table; the choices are given.
        """
        if value not in self.names():
            raise ValueError(f"choose {', '.join(map(repr, self.names()))}")
        return value


class Settings(BaseModel):
    """A section of settings: frozen, and every field checked."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **options: object) -> None:
        """A field that only gets another default keeps its sentence."""
        super().__pydantic_init_subclass__(**options)
        for name, field in cls.model_fields.items():
            for base in cls.__mro__[1:]:
                if field.description is None and issubclass(base, Settings):
                    inherited = base.model_fields.get(name)
                    field.description = inherited and inherited.description


# ---- sections that several tasks have ----------------------------------------------


Optimizer = Literal["adam", "sgd", "adadelta", "rmsprop"]
ClipBy = Literal["norm", "elements", "tables"]


class TrainSettings(Settings):
    """How parameters are learned."""

    steps: Count = 1500
    """Updates of the parameters."""
    batch_size: Units = 64
    """Examples of an update."""
    devices: Count | Literal["all"] = 1
    """Devices of each process that share the rows of a batch."""
    strategy: Literal["auto", "jit", "pmap", "shard_map"] = "auto"
    """How several devices share a batch's rows; auto: by shard_map, which exchanges the
    gradient once an update, or by jit where it is one device, or a CPU's."""
    compute: Literal["float32", "bfloat16"] = "float32"
    """What the model multiplies in; parameters, gradients, sums and evaluation stay
    float32."""
    optimizer: Optimizer = "adam"
    """The optimizer, optax's."""
    learning_rate: Positive = 2e-3
    """The highest learning rate of the schedule."""
    schedule: Literal[
        "constant", "cosine", "luong", "sukhbaatar", "sukhbaatar-released"
    ] = "cosine"
    """The learning rate over time; see `attnlab.training.optimizers.make_schedule`."""
    warmup: Size = 0
    """Updates over which the learning rate rises."""
    halve_after: Count = 5
    """Epochs, for the schedules luong, sukhbaatar and sukhbaatar-released."""
    clip: NonNegative = 1.0
    """Largest norm of a gradient; 0 never clips."""
    clip_by: ClipBy = "norm"
    """Whether `clip` is of the whole gradient's norm, of each of its numbers, or of the
    spectral norm of each matrix (`attnlab.training.optimizers.clip_by_tables`)."""
    log_every: Count = 50
    """Updates between lines of kind "train" in metrics.jsonl."""
    evaluate_every: Count = 500
    """Updates between evaluations on the development set, each followed by a
    checkpoint."""
    stop_on: str = ""
    """The development score that chooses the best checkpoint."""
    patience: Size = 0
    """Evaluations without improvement before training stops; 0: it never does."""

    @property
    def rows(self) -> int | None:
        """Rows of every batch; None where they differ from batch to batch."""
        return self.batch_size


class WandbSettings(Settings):
    """What is mirrored in Weights & Biases."""

    mode: Literal["offline", "online", "disabled"] = "offline"
    """offline: into <run>/wandb, to be sent by `wandb sync`; online needs a login and
    falls back to offline."""
    project: str = "attnlab"
    """The project that runs are filed under."""
    histograms: bool = True
    """Histograms of parameters and attention weights at each evaluation."""


class AttentionSettings(Settings):
    """The four choices of an attention, and the options that some of them take."""

    score: Annotated[str, Choice("attnlab.attention.presets:SCORES", "none")] = (
        "general"
    )
    """How well a query matches a key; none is a fixed context instead of attention."""
    window: Annotated[str, Choice("attnlab.attention.presets:WINDOWS")] = "global"
    """Which positions may be looked at."""
    normalizer: Annotated[
        str, Choice("attnlab.attention.presets:NORMALIZERS", *MONOTONIC)
    ] = "softmax"
    """How scores become weights; monotonic and mocha go on from where the last step
    stopped."""
    read: Annotated[str, Choice("attnlab.attention.presets:READS")] = "soft"
    """What is taken at those weights; a hard read learns as `estimator` says."""
    k: Count = 5
    """Positions of the read top-k, and of the learning rule top-k."""
    half_width: Count = 10
    """D of the local windows, which look at 2 D + 1 positions."""
    gaussian: Literal["after", "before"] = "after"
    """local-p: its prior is put on the weights (after the normalizer) or the scores."""
    coverage: bool = False
    """The score also sees how much weight each position has had."""
    max_length: Count = 50
    """Positions that the location score has parameters for."""
    chunk: Count = 2
    """mocha: positions up to where a step stops that its softmax is over."""

    @model_validator(mode="after")
    def _check_coverage(self) -> Self:
        if self.coverage and self.score != "none":
            # Imported here, as it needs JAX and reading a config file does not.
            module = importlib.import_module("attnlab.attention.presets")
            if "coverage" not in module.options_of(self.score):
                raise ValueError(
                    f"model.coverage is for scores that see keys, not for {self.score}"
                )
        return self

    @model_validator(mode="after")
    def _check_walk(self) -> Self:
        walks = self.normalizer in MONOTONIC and self.score != "none"
        if walks and self.window != "global":
            raise ValueError(
                f"model.normalizer {self.normalizer} walks over the whole sentence: it "
                f"takes model.window global, not {self.window}"
            )
        return self


class ChainSettings(AttentionSettings):
    """An attention whose hard reads may follow one another, as a chain.

    For estimator.learning chain; see `attnlab.estimators.chain`.
    """

    transition: Annotated[str, Choice("attnlab.attention.transitions:TRANSITIONS")] = (
        "none"
    )
    """How the position of a hard read depends on that of the step before."""
    reach: Few = 12
    """Distances that a transition tells apart."""
    null: Fraction = 0.0
    """Probability that a step reads nothing, and stays where it is."""


class PredictSettings(Settings):
    """How words or classes are predicted where a read is hard."""

    predict: Literal["", "expected", "marginal", "argmax"] = ""
    """expected value, marginal over positions, or the most probable position alone; "":
    marginal for hard reads, expected for the others."""


class EstimatorSettings(Settings):
    """How a hard read learns."""

    learning: Annotated[str, Choice("attnlab.estimators:RULES")] = "cross-entropy"
    """The learning rule; which there are depends on model.read, see
    `attnlab.estimators.rules`."""
    feed: Literal["expected", "sampled"] = "expected"
    """What the next state sees: the expected value, or the sample."""
    samples: Size = 1
    """Samples of reinforce, elbo and gumbel; 0 enumerates the positions for the first
    two."""
    baseline: Annotated[str, Choice("attnlab.estimators:BASELINES")] = "soft"
    """What is subtracted from a reward, to lower the variance of its gradient."""
    credit: Annotated[str, Choice("attnlab.estimators:CREDITS")] = "step"
    """The rewards that a sampled position answers for."""
    reward_weight: float = 1.0
    """Weight of reinforce's term beside the likelihood (Xu et al. 2015: 0.1)."""
    entropy: float = 0.0
    """Bonus for the entropy of the weights, in nats a step (Xu et al. 2015: 0.002)."""
    coin: Fraction = 0.0
    """Share of sentences that read expected values (Xu et al. 2015: 0.5)."""
    decay: Fraction = 0.9
    """Of the moving-average baseline."""
    temperature: Positive = 1.0
    """Of the relaxed sample of gumbel, at the first update."""
    final_temperature: Positive = 0.5
    """Of the relaxed sample of gumbel, at the last update."""


class DataSettings(Settings):
    """Which corpus, and how it is read; a task adds a section of options a corpus."""

    name: str = ""
    """The corpus."""

    corpora: ClassVar[Mapping[str, Callable[..., object]]] = {}
    # By corpus, the options that name files or folders, with commas between several.
    file_options: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    own_files: ClassVar[tuple[str, ...]] = ()  # settings that name files, of any corpus

    @property
    def options(self) -> dict[str, object]:
        """The keyword arguments of the chosen corpus's loader."""
        section = getattr(self, self.name, None)
        if section is None:
            return {}
        return {name: getattr(section, name) for name in type(section).model_fields}

    def load(self) -> Any:
        """The chosen corpus.

        Returns:
          The records of the task that its loader makes.

        Raises:
          ValueError: where the loader refuses an option; the corpus is named.
          MissingCorpus: where its files are not in the data folder.
        """
        return self.corpora[self.name](**self.options)


class TaskSettings(Settings):
    """All settings of one run; a task has its own kind of data, model and evaluate."""

    task: str
    """The kind of task."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Of parameters, batches, dropout and samples."""
    plugins: tuple[Module, ...] = ()
    """Modules of your own, which register scores and the like; see
    docs/extending.md."""
    data: DataSettings = DataSettings()
    """Which corpus, and how it is read."""
    model: Settings = Settings()
    """The model and its attention."""
    train: TrainSettings = TrainSettings()
    """How parameters are learned."""
    evaluate: Settings = Settings()
    """How the model is judged, during training and after it."""
    wandb: WandbSettings = WandbSettings()
    """What is mirrored in Weights & Biases."""
    tensorboard: bool = False
    """Mirror metrics.jsonl in <run>/tensorboard, for TensorBoard."""

    def extended(self, steps: int) -> Self:
        """The settings of a run that goes on from a finished one of these settings.

        What `train.steps` has decided of the updates so far is kept, as far as it
        decides which data are next: a task whose batches depend on it sees to that.

        Args:
          steps: updates in all, those of the finished run among them.

        Returns:
          The settings, not checked anew.
        """
        train = self.train.model_copy(update={"steps": steps})
        return self.model_copy(update={"train": train})


class LearningSettings(TaskSettings):
    """Settings of a task whose model attends; its hard reads have to be learned."""

    model: AttentionSettings = AttentionSettings()
    """The model and its attention."""
    estimator: EstimatorSettings = EstimatorSettings()
    """How a hard read learns."""

    @model_validator(mode="after")
    def _check_learning(self) -> Self:
        # Imported here, as it needs JAX and reading a config file does not.
        module = importlib.import_module("attnlab.estimators.rules")
        module.check_objective(self)
        return self


class PredictingSettings(LearningSettings):
    """Settings of a task that predicts by what a read may take."""

    evaluate: PredictSettings = PredictSettings()
    """How the model is judged, during training and after it."""

    @model_validator(mode="after")
    def _check_predict(self) -> Self:
        predict = self.evaluate.predict
        if self.model.read == "soft" and predict not in ("", "expected"):
            raise ValueError(
                "a soft read predicts by the expected value it learned with, not by "
                f"evaluate.predict {predict}"
            )
        if self.estimator.learning == "chain" and predict not in ("", "marginal"):
            raise ValueError(
                "reads that follow one another predict by the marginal over their "
                f"paths, not by evaluate.predict {predict}"
            )
        return self


class DecoderTrainSettings(TrainSettings):
    """How a decoder of words learns."""

    label_smoothing: Fraction = 0.0
    """Share of the uniform distribution in the target of cross entropy."""


class DecoderSettings(PredictingSettings):
    """Settings of a task whose model is an `attnlab.nn.decoder_model.Conditional`."""

    train: DecoderTrainSettings = DecoderTrainSettings()
    """How parameters are learned."""

    @model_validator(mode="after")
    def _check_smoothing(self) -> Self:
        learning = self.estimator.learning
        if self.train.label_smoothing and learning != "cross-entropy":
            raise ValueError(
                f"train.label_smoothing is for cross-entropy, not for {learning}"
            )
        return self


# ---- corpora: a section of options from a loader's signature -----------------------

Data = TypeVar("Data", bound=DataSettings)
# A made class has no source with docstrings of fields. Pydantic would look for it in
# the files of all callers, for a third of the time that importing all settings takes.
NO_SOURCE = {"use_attribute_docstrings": False}


def with_corpora(
    loaders: Mapping[str, Callable[..., object]],
) -> Callable[[type[Data]], type[Data]]:
    """A class decorator that adds a section of options for each corpus.

    Args:
      loaders: loaders by the corpus's name. The keyword arguments of a loader become
        the fields of its section, described by the `Args:` of its docstring, and
        checked by its annotations (`Annotated[int, Field(ge=1)]`).

    Returns:
      The decorator: a DataSettings -> one of the same fields, in which `name` is one of
      the corpora and `<name>` has the options of that one.
    """

    def add(cls: type[Data]) -> type[Data]:
        fields: dict[str, Any] = {
            name: (section, section())
            for name, section in (
                (name, _options_of(name, load)) for name, load in loaders.items()
            )
            if section.model_fields
        }
        first = cls.model_fields["name"].default or next(iter(loaders))
        about = "The corpus: " + ", ".join(loaders) + "."
        choice = Annotated[str, Choice(loaders)]
        fields["name"] = (choice, Field(first, description=about))
        with warnings.catch_warnings():
            # A corpus may be called as a method of records that nobody calls (copy).
            warnings.filterwarnings("ignore", "Field name .* shadows an attribute")
            made = create_model(
                cls.__name__,
                __base__=cls,
                __module__=cls.__module__,
                __cls_kwargs__=NO_SOURCE,
                **fields,
            )
        made.__doc__ = cls.__doc__
        made.corpora = loaders
        return made

    return add


def add_corpus_section(loaders: Mapping[str, Callable[..., object]], name: str) -> None:
    """Give a corpus its section in all records that were made before it was there.

    Args:
      loaders: the table that it has been put into, as `with_corpora` was given it.
      name: of the corpus.

    Raises:
      ValueError: where the records have another setting of this name.
    """
    made = [kind for kind in _below(DataSettings) if kind.corpora is loaders]
    taken = [kind.__name__ for kind in made if name in kind.model_fields]
    if taken or hasattr(DataSettings, name):
        raise ValueError(f"corpus {name!r} has the name of a setting, data.{name}")
    options = _options_of(name, loaders[name])
    if not options.model_fields:
        return
    for kind in made:
        kind.__pydantic_fields__[name] = FieldInfo.from_annotated_attribute(
            options, options()
        )
        kind.model_rebuild(force=True)
    # Records that hold these, with the default that they were made with.
    for kind in _below(TaskSettings):
        field = kind.model_fields["data"]
        if field.annotation in made:
            field.default = field.default.model_copy(update={name: options()})
            kind.model_rebuild(force=True)


Kind = TypeVar("Kind", bound=type)


def _below(kind: Kind) -> Iterator[Kind]:
    """All subclasses, and those of them."""
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _below(subclass)


def _options_of(name: str, load: Callable[..., object]) -> type[Settings]:
    """The keyword arguments of a loader as a record."""
    hints = typing.get_type_hints(load, include_extras=True)
    about = described_arguments(load)
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(load).parameters.values():
        kind = hints.get(parameter.name, str)
        # Where files lie on this machine (a Path) is no setting of a run.
        if parameter.kind is parameter.VAR_KEYWORD or Path in typing.get_args(kind):
            continue
        default = None if parameter.default is parameter.empty else parameter.default
        if parameter.default is parameter.empty:
            kind = kind | None
        field = Field(default, description=about.get(parameter.name))
        fields[parameter.name] = (kind, field)
    with warnings.catch_warnings():  # an option may be called json, or copy
        warnings.filterwarnings("ignore", "Field name .* shadows an attribute")
        made = create_model(
            f"{name}Options", __base__=Settings, __cls_kwargs__=NO_SOURCE, **fields
        )
    made.__doc__ = f"The options of corpus {name}."
    return made


def described_arguments(function: Callable[..., object]) -> dict[str, str]:
    """What the `Args:` section of a docstring says of each argument.

    Args:
      function: whose docstring is in Google's style.

    Returns:
      Sentences by the argument's name; {} without such a section.
    """
    doc = inspect.getdoc(function) or ""
    match = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", doc, re.MULTILINE | re.DOTALL)
    if match is None:
        return {}
    about: dict[str, str] = {}
    for item in re.split(r"^  (?=[\w*])", match.group(1), flags=re.MULTILINE)[1:]:
        names, _, text = item.partition(":")
        sentence = " ".join(text.split())
        about |= {name.strip(): sentence for name in names.split(",")}
    return about
