"""What the rest of attnlab knows of sentence classification."""

from attnlab.task import TaskSpec
from attnlab.tasks.classification.catalogue import ENTRIES
from attnlab.tasks.classification.corpora import CORPORA
from attnlab.tasks.classification.describe import describe
from attnlab.tasks.classification.plots import draw
from attnlab.tasks.classification.settings import ClassificationSettings
from attnlab.tasks.classification.task import make_task
from attnlab.tasks.classification.trained import loader

SPEC = TaskSpec(
    name="classification",
    description="sentence classifier, pooled by attention (Yang et al. 2016)",
    settings=ClassificationSettings,
    make_task=make_task,
    loader=loader,
    plots=draw,
    corpora=CORPORA,
    catalogue=ENTRIES,
    describe=describe,
)
