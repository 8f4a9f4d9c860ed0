"""What the rest of attnlab knows of image captioning."""

from attnlab.task import TaskSpec
from attnlab.tasks.captioning.catalogue import ENTRIES
from attnlab.tasks.captioning.describe import describe
from attnlab.tasks.captioning.pictures import PICTURES
from attnlab.tasks.captioning.plots import draw
from attnlab.tasks.captioning.settings import CaptioningSettings
from attnlab.tasks.captioning.task import check_annotations, make_task
from attnlab.tasks.captioning.trained import loader
from attnlab.tasks.captioning.viewer import examples

SPEC = TaskSpec(
    name="captioning",
    description="Image captioning with visual attention (Xu et al. 2015)",
    settings=CaptioningSettings,
    make_task=make_task,
    loader=loader,
    plots=draw,
    corpora=PICTURES,
    catalogue=ENTRIES,
    describe=describe,
    check=check_annotations,
    examples=examples,
)
