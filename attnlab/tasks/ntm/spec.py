"""What the rest of attnlab knows of the Neural Turing Machine's task."""

from attnlab.task import TaskSpec
from attnlab.tasks.ntm.catalogue import ENTRIES
from attnlab.tasks.ntm.data import PROBLEMS
from attnlab.tasks.ntm.describe import describe
from attnlab.tasks.ntm.plots import draw
from attnlab.tasks.ntm.settings import NTMSettings
from attnlab.tasks.ntm.task import make_task
from attnlab.tasks.ntm.trained import loader
from attnlab.tasks.ntm.viewer import examples

SPEC = TaskSpec(
    name="ntm",
    description="Neural Turing Machine on algorithmic problems (Graves et al. 2014)",
    settings=NTMSettings,
    make_task=make_task,
    loader=loader,
    plots=draw,
    corpora=PROBLEMS,
    catalogue=ENTRIES,
    describe=describe,
    examples=examples,
)
