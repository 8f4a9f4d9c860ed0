"""What the rest of attnlab knows of the cloze task."""

from attnlab.task import TaskSpec
from attnlab.tasks.cloze.catalogue import ENTRIES
from attnlab.tasks.cloze.corpora import CORPORA
from attnlab.tasks.cloze.describe import describe
from attnlab.tasks.cloze.plots import draw
from attnlab.tasks.cloze.settings import ClozeSettings
from attnlab.tasks.cloze.task import make_task
from attnlab.tasks.cloze.trained import loader
from attnlab.tasks.cloze.viewer import examples

SPEC = TaskSpec(
    name="cloze",
    description="Reading comprehension: which entity is meant (Hermann et al. 2015)",
    settings=ClozeSettings,
    make_task=make_task,
    loader=loader,
    plots=draw,
    corpora=CORPORA,
    catalogue=ENTRIES,
    describe=describe,
    examples=examples,
)
