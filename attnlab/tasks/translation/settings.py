"""The settings of translation."""

from typing import Annotated, Literal, Self, cast

from pydantic import Field, model_validator

from attnlab.settings import (
    MOST,
    ChainSettings,
    Choice,
    Count,
    DataSettings,
    DecoderSettings,
    DecoderTrainSettings,
    Few,
    FewOrNone,
    Fraction,
    NonNegative,
    PredictSettings,
    Share,
    Units,
    UnitsOrNone,
    Widths,
    with_corpora,
)
from attnlab.text.pairs import Corpus
from attnlab.text.parallel_corpora import CORPORA

Vocabulary = Annotated[int, Field(ge=5, le=MOST)]  # four special tokens and a word


@with_corpora(CORPORA)
class TranslationData(DataSettings):
    """Which parallel corpus, its vocabularies, and how its pairs are batched.

    Shards, written by `experiments.shard`, bring their own units, vocabularies, shapes,
    edges and longest; those of the settings count for nothing then.
    """

    file_options = {"files": ("train", "dev", "test", "gold")}
    own_files = ("links",)

    name: str = "synthetic"
    units: Literal["words", "subwords"] = "words"
    """What a sentence is cut into: words, or pieces of SentencePiece."""
    source_vocabulary: Vocabulary = 10_000
    """Largest size, the four special tokens included."""
    target_vocabulary: Vocabulary = 10_000
    """Largest size, the four special tokens included."""
    min_count: Count = 1
    """Times that a word must occur in training to be in a vocabulary."""
    join: Share = 0.0
    """Share of training pairs glued in twos, to read longer sentences."""
    shapes: FewOrNone = 0
    """Shapes of training batches, at most, whose widths follow from the text; 0: one
    for every 500 updates, up to 6."""
    longest: Count = 48
    """Pairs that are longer on either side, EOS counted, are left out of training."""
    edges: Widths = ()
    """If set: square buckets of these widths, instead of chosen ones."""
    links: str = ""
    """A file of links of the training pairs as Pharaoh has them, a line a pair, for
    train.guide."""

    @model_validator(mode="after")
    def _check_join(self) -> Self:
        if self.name == "shards" and self.join:
            raise ValueError(
                f"data.join is {self.join}; pairs of shards stay as they were written: "
                "make it 0"
            )
        return self

    def load(self) -> Corpus:
        """The chosen corpus; see `DataSettings.load`.

        Returns:
          Its training, development and test pairs, and its gold links.
        """
        return cast(Corpus, super().load())


class TranslationModel(ChainSettings):
    """Encoder, decoder and the attention between them."""

    preset: Annotated[str, Choice("attnlab.attention.presets:PRESETS", "")] = ""
    """A paper's choices, which rows and flags outrank; "": none."""
    decoder: Annotated[str, Choice("attnlab.tasks.translation.model:DECODERS")] = (
        "luong"
    )
    """The decoder: what the query is, and where the context goes; `attnlab.nn` has
    one a file."""
    cell: Annotated[str, Choice("attnlab.nn.cells:CELLS")] = "lstm"
    """The recurrent cell of encoder and decoder."""
    encoder: Literal["bi", "uni"] = "bi"
    """Directions that the source is read in."""
    layers: Few = 1
    """Layers of the encoder and of the decoder; bahdanau's decoder has one."""
    embedding: Units = 64
    """Width of the word embeddings, E."""
    hidden: Units = 64
    """Width of the decoder, H."""
    encoder_hidden: UnitsOrNone = 0
    """Width of the encoder, a direction; 0: as `hidden`. The score dot needs half of
    that, or encoder uni."""
    attention_hidden: Units = 64
    """Width of the hidden layer of the scores that have one."""
    readouts: Units = 64
    """Width of what the vocabulary reads, R."""
    readout: Literal["full", "additive", "lexical"] = "full"
    """What the vocabulary reads: full, the paper's own; additive, a sum of what is read
    and of the state, without tanh or maxout; lexical, what is read alone. The last two
    know the words of all positions by one matrix product."""
    reverse_source: bool = False
    """Read the source from its end; for encoder uni."""
    input_feeding: bool = True
    """luong: the last attentional vector is an input of the next step."""
    eos_in_memory: bool = False
    """The decoder may also attend to the end mark of the source."""
    heads: Few = 1
    """Heads of the attention, each in projections of its own (Vaswani et al. 2017), for
    any score, window and normalizer; soft reads."""
    tied: bool = False
    """One matrix for the target embeddings and the vocabulary."""
    dropout: Fraction = 0.0
    """Share of entries that are dropped, of embeddings, between layers, of readouts."""

    @model_validator(mode="after")
    def _check_model(self) -> Self:
        if self.decoder == "bahdanau" and self.layers != 1:
            raise ValueError(
                f"model.decoder bahdanau has one layer, not model.layers {self.layers}"
            )
        if self.encoder == "bi" and self.reverse_source:
            raise ValueError(
                "model.reverse_source is for model.encoder uni: a bidirectional "
                "encoder reads from both ends"
            )
        if self.tied and self.readouts != self.embedding:
            raise ValueError(
                "model.tied needs readouts as wide as embeddings: model.readouts "
                f"{self.readouts}, model.embedding {self.embedding}"
            )
        return self


class TranslationTrain(DecoderTrainSettings):
    """How parameters are learned."""

    token_budget: UnitsOrNone = 0
    """If set: padded tokens of a batch's wider side, instead of `batch_size`."""
    guide: NonNegative = 0.0
    """Strength of the pull of the weights to data.links, beside the loss of the words:
    guided alignment (Chen et al. 2016)."""
    stop_on: Literal["bleu", "perplexity", "error_rate", "accuracy"] = "bleu"
    """The development score that chooses the best checkpoint; error_rate and accuracy
    are there for corpora of strings."""

    @property
    def rows(self) -> int | None:
        """Rows of every batch; None with a token budget."""
        return None if self.token_budget else self.batch_size


class TranslationEvaluate(PredictSettings):
    """How translations are searched and judged."""

    sentences: Units = 128
    """Rows of an evaluation batch; half as many hypotheses are searched at once."""
    edges: Widths = ()
    """Widths that sentences are padded to; (): `data.edges`, or 24 and 48."""
    dev_sentences: Count = 200
    """Pairs of the development set that are evaluated during training, the first."""
    beams: Few = 1
    """Hypotheses of a beam search; 1: greedy."""
    length_penalty: Annotated[str, Choice("attnlab.decoding.beam:LENGTH_PENALTIES")] = (
        "average"
    )
    """What the log-probability of a hypothesis is divided by."""
    alpha: NonNegative = 0.6
    """Exponent of the length penalty gnmt."""
    ratio: Annotated[float, Field(ge=0.0, le=100.0)] = 1.5
    """A translation has at most this many times its source's units, + 10."""
    positions: Few = 5
    """The most probable positions, which decoding takes the marginal over."""
    replace_unknown: bool = False
    """Replace <unk> by the source word of the largest weight."""
    tokenize: Annotated[str, Choice("attnlab.metrics.bleu_score:TOKENIZERS")] = "none"
    """sacrebleu's tokenizer, for BLEU."""
    lowercase: bool = False
    """Whether BLEU, chrF and TER ignore case."""
    metrics: tuple[Literal["chrf", "ter"], ...] = ()
    """Further scores of the test text of a finished run, by sacrebleu: chrf, ter. TER
    takes seconds for a thousand sentences."""
    gold: str = ""
    """The gold set of the AER column; "": the corpus's first."""


class TranslationSettings(DecoderSettings):
    """All settings of a translation model on a parallel corpus."""

    task: Literal["translation"] = "translation"
    data: TranslationData = TranslationData()
    model: TranslationModel = TranslationModel()
    train: TranslationTrain = TranslationTrain()
    evaluate: TranslationEvaluate = TranslationEvaluate()

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        model = self.model
        if model.heads == 1:
            return self
        usually = (("read", model.read, "soft"), ("readout", model.readout, "full"))
        for name, value, usual in usually:
            if value != usual:
                raise ValueError(
                    f"model.heads {model.heads} takes model.{name} {usual}, not "
                    f"{value}: no word sees what stands at one position alone"
                )
        if model.score == "none":
            raise ValueError("model.score none attends to nothing; make model.heads 1")
        if model.heads > 2 * (model.encoder_hidden or model.hidden):
            raise ValueError(
                f"model.heads is {model.heads}, more than the width that they share"
            )
        return self

    @model_validator(mode="after")
    def _check_guide(self) -> Self:
        links, guide = self.data.links, self.train.guide
        if bool(links) != bool(guide):
            raise ValueError(
                f"train.guide is {guide:g} and data.links {links!r}; give both, or "
                "neither"
            )
        if guide and self.data.name == "shards":
            raise ValueError(
                "train.guide does not work with data.name shards; make it 0"
            )
        if guide and self.model.score == "none":
            raise ValueError(
                "model.score none has no weights that train.guide could pull; make it 0"
            )
        return self

    def extended(self, steps: int) -> Self:
        """See `attnlab.settings.TaskSettings.extended`."""
        # Imported here, as reading a config file does not need it.
        from attnlab.text.batching import affordable_shapes

        shapes = self.data.shapes or affordable_shapes(self.train.steps)
        data = self.data.model_copy(update={"shapes": shapes})
        return super().extended(steps).model_copy(update={"data": data})
