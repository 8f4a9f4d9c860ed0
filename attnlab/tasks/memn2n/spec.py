"""What the rest of attnlab knows of memory networks."""

from attnlab.task import TaskSpec
from attnlab.tasks.memn2n.catalogue import ENTRIES
from attnlab.tasks.memn2n.corpora import CORPORA
from attnlab.tasks.memn2n.describe import describe
from attnlab.tasks.memn2n.plots import draw
from attnlab.tasks.memn2n.settings import MemN2NSettings
from attnlab.tasks.memn2n.task import make_task
from attnlab.tasks.memn2n.trained import loader
from attnlab.tasks.memn2n.viewer import examples

SPEC = TaskSpec(
    name="memn2n",
    description="memory network on questions over stories (Sukhbaatar et al. 2015)",
    settings=MemN2NSettings,
    make_task=make_task,
    loader=loader,
    plots=draw,
    corpora=CORPORA,
    catalogue=ENTRIES,
    describe=describe,
    examples=examples,
)
