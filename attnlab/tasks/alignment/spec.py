"""What the rest of attnlab knows of word alignment."""

from attnlab.task import TaskSpec
from attnlab.tasks.alignment.plots import draw
from attnlab.tasks.alignment.settings import AlignmentSettings
from attnlab.tasks.alignment.task import check_corpus, make_task
from attnlab.tasks.alignment.trained import loader
from attnlab.text.parallel_corpora import CORPORA

SPEC = TaskSpec(
    name="alignment",
    description="Word alignment of sentence pairs by two chains, judged by AER",
    settings=AlignmentSettings,
    make_task=make_task,
    loader=loader,
    plots=draw,
    corpora=CORPORA,  # those of translation, which lists and describes them
    check=check_corpus,
)
