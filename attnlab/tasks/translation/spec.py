"""What the rest of attnlab knows of translation."""

from attnlab.task import TaskSpec
from attnlab.tasks.translation.data import check_corpus
from attnlab.tasks.translation.describe import describe
from attnlab.tasks.translation.plots import draw
from attnlab.tasks.translation.settings import TranslationSettings
from attnlab.tasks.translation.task import make_task
from attnlab.tasks.translation.trained import loader
from attnlab.text.parallel_corpora import CORPORA, ENTRIES

SPEC = TaskSpec(
    name="translation",
    description="Translation of sentence pairs, judged by BLEU, perplexity and AER",
    settings=TranslationSettings,
    make_task=make_task,
    loader=loader,
    plots=draw,
    corpora=CORPORA,
    catalogue=ENTRIES,
    describe=describe,
    check=check_corpus,
)
