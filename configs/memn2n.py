"""A memory network that answers questions over stories.

    python -m experiments.train --config=configs/memn2n.py           # embedded stories
    python -m experiments.train --config=configs/memn2n.py:1-20      # bAbI, jointly

The argument names tasks of bAbI ("2", "1,2,5", "1-20") in the data folder
(ATTNLAB_DATA). Model and training are Sukhbaatar et al. 2015's: their loss is summed
over a batch of 32 and ours is its mean, so 0.32 here is their learning rate of 0.01,
and a norm of 1.25 their clipping at 40.
"""

from ml_collections import ConfigDict

from configs.shared import attend, begin, estimate


def get_config(tasks: str = "") -> ConfigDict:
    config = begin("memn2n")
    estimate(config)
    data, model = config.data, config.model
    train, evaluate = config.train, config.evaluate

    data.name = "babi" if tasks else "stories"
    data.stories = ConfigDict()
    data.stories.facts = "1,2"  # supporting facts of a question; or 1, or 2
    data.stories.train = 4_000
    data.stories.dev = 200
    data.stories.test = 500
    data.stories.sentences = (4, 12)
    data.stories.people = 4
    data.stories.seed = 0
    data.babi = ConfigDict()
    data.babi.tasks = tasks or "1"
    data.babi.size = "1k"  # or 10k
    data.babi.held_out = 0.1  # of the training questions, as development set

    model.system = "memn2n"  # or lstm: no memory
    attend(model)
    model.score = "dot"
    model.hops = 3
    model.width = 20
    model.memory = 50  # the latest sentences of a story
    model.tying = "adjacent"  # or layer-wise
    model.encoding = "released"  # of a sentence's words; position as printed, or bag
    model.temporal = True  # memories say when they were
    model.noise = 0.1  # of a story's length, in empty memories while training
    model.linear_start = 560  # updates without a normalizer, 20 epochs of 900 questions
    model.empty_slots = True  # they take part, as in the released code; else masked
    model.hidden = 64  # of the lstm

    train.steps = 3_360  # 120 epochs of 900 questions
    train.batch_size = 32
    train.optimizer = "sgd"
    train.learning_rate = 0.32
    train.schedule = "sukhbaatar"
    train.halve_after = 25
    train.warmup = 560  # half the rate while the start is linear
    train.clip = 1.25
    train.log_every = 140
    train.evaluate_every = 280
    train.stop_on = "accuracy"  # or loss

    evaluate.questions = 250  # at a time
    evaluate.shown = 100  # test questions whose weights are kept
    return config.lock()
