"""Every setting of translation, with its default: a config file changes some of them.

Those of training and of attention, which other systems share, are in parts.py.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from configs.shared import attend, begin, estimate


def get_config() -> ConfigDict:
    """The defaults: a small Luong model on the embedded language pair."""
    config = begin("translation")
    estimate(config)
    data, model = config.data, config.model
    train, evaluate = config.train, config.evaluate

    # synthetic, hansards, multi30k, tatoeba, europarl, files, shards
    data.name = "synthetic"
    data.units = "words"  # or subwords (SentencePiece)
    data.source_vocabulary = 10_000  # largest size, the four special tokens included
    data.target_vocabulary = 10_000
    data.min_count = 1
    data.join = 0.0  # share of training pairs glued in twos, to read longer sentences
    data.shapes = 6  # of training batches, at most; their widths are chosen
    data.longest = 48  # pairs longer on either side are left out, EOS counted
    data.edges = ()  # if set: square buckets of these widths instead
    data.synthetic = ConfigDict()
    data.synthetic.train = 20_000
    data.synthetic.dev = 500
    data.synthetic.test = 500
    data.synthetic.words = 80
    data.synthetic.zipf = 1.0
    data.synthetic.lengths = (3, 20)
    data.synthetic.test_lengths = placeholder(tuple)
    data.synthetic.reordering = placeholder(str)
    data.synthetic.one_to_many = 0.1
    data.synthetic.many_to_one = 0.1
    data.synthetic.null_source = 0.05
    data.synthetic.null_target = 0.1
    data.synthetic.ambiguity = 0.1
    data.synthetic.context = "previous"
    data.synthetic.noise = 0.0
    data.synthetic.seed = 0
    data.hansards = ConfigDict()
    data.hansards.direction = "fr-en"
    data.hansards.limit = placeholder(int)
    data.multi30k = ConfigDict()
    data.multi30k.source = "de"
    data.multi30k.target = "en"
    data.multi30k.silver = False
    data.tatoeba = ConfigDict()
    data.tatoeba.size = "small"  # or full
    data.tatoeba.direction = "de-en"
    data.tatoeba.silver = False
    data.europarl = ConfigDict()
    data.europarl.direction = "de-en"
    data.files = ConfigDict()  # your own text; see attnlab.text.files
    data.files.train = placeholder(str)  # "a.fr,b.en", or one file of two columns
    data.files.dev = placeholder(str)
    data.files.test = placeholder(str)
    data.files.gold = placeholder(str)  # "a.fr,b.en,links"
    data.files.gold_format = "pharaoh"  # or wpt
    data.files.one_based = placeholder(bool)
    data.files.target_first = False
    data.files.lowercase = False
    data.files.source_language = "source"  # name them, and two runs can be told apart
    data.files.target_language = "target"
    # Text that is not loaded: written by experiments.shard, which settled its units,
    # vocabularies, shapes, edges and longest; those above count for nothing then.
    data.shards = ConfigDict()
    data.shards.folder = placeholder(str)

    model.preset = ""  # a paper's choices, see attnlab.attention.presets.PRESETS
    attend(model)
    model.decoder = "luong"  # or bahdanau
    model.cell = "lstm"  # cho-gru, gru, lstm
    model.encoder = "bi"  # or uni
    model.layers = 1
    model.embedding = 64
    model.hidden = 64
    model.encoder_hidden = 0  # a direction; 0: as hidden. dot needs half, or uni
    model.attention_hidden = 64
    model.readouts = 64
    model.reverse_source = False
    model.input_feeding = True
    model.eos_in_memory = False
    model.tied = False
    model.dropout = 0.0

    # If set: padded tokens of a batch's wider side, instead of batch_size.
    train.token_budget = 0
    train.label_smoothing = 0.0
    train.stop_on = "bleu"  # or perplexity: chooses the best checkpoint

    evaluate.sentences = 128  # rows of an evaluation batch
    evaluate.edges = ()  # widths of those; (): data.edges, or 8 to 48 in 7 steps
    evaluate.dev_sentences = 200  # how many of the dev set are looked at while training
    evaluate.beams = 1
    evaluate.length_penalty = "average"  # none, gnmt
    evaluate.alpha = 0.6  # of the gnmt penalty
    evaluate.ratio = 1.5  # a translation may be this much longer than its source, + 10
    evaluate.predict = ""  # expected, marginal, argmax; "": marginal for hard reads
    evaluate.positions = 5  # the likeliest, that decoding takes the marginal over
    evaluate.replace_unknown = False
    evaluate.tokenize = "none"  # sacrebleu's: none, 13a, intl, char
    evaluate.lowercase = False
    evaluate.gold = ""  # the gold set of the AER column; "": the corpus's first

    return config.lock()  # so that a misspelt setting in a config file fails
