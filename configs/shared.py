"""The settings that all systems have: how to train, and what an attention is."""

from ml_collections import ConfigDict, FieldReference


def begin(task: str) -> ConfigDict:
    """A configuration of a task with the sections `train` and `wandb`."""
    config = ConfigDict()
    config.task = task
    config.seed = 0
    config.data = ConfigDict()
    config.model = ConfigDict()

    config.train = train = ConfigDict()
    train.steps = 1500
    train.batch_size = 64
    train.devices = FieldReference(1, field_type=object)  # of each process; or "all"
    train.strategy = "jit"  # how several share a batch's rows: pmap, shard_map
    train.compute = "float32"  # or bfloat16: the model only; state, evaluation stay
    train.optimizer = "adam"  # sgd, adadelta, rmsprop
    train.learning_rate = 2e-3
    train.schedule = "cosine"  # constant, luong, sukhbaatar
    train.warmup = 0
    train.halve_after = 5  # epochs, for the schedules luong and sukhbaatar
    train.clip = 1.0
    train.clip_by = "norm"  # of the whole gradient, or elements
    train.log_every = 50
    train.evaluate_every = 500
    train.stop_on = ""  # the score that chooses the best checkpoint
    train.patience = 0  # evaluations without improvement before stopping; 0: never

    config.evaluate = ConfigDict()

    config.wandb = ConfigDict()
    config.wandb.mode = "offline"  # in <run>/wandb, sent by `wandb sync`; or online,
    # which needs a login and falls back to offline, or disabled
    config.wandb.project = "attnlab"
    config.wandb.histograms = True  # of parameters and attention weights
    return config


def attend(model: ConfigDict) -> None:
    """Add the four choices of an attention, and their options, to `model`."""
    model.score = "general"
    model.window = "global"
    model.normalizer = "softmax"
    model.read = "soft"  # top-k, hard: one sample, learned as `estimator` says
    model.k = 5  # positions of top-k
    model.half_width = 10  # D of the local windows
    model.gaussian = "after"  # local-p: the prior on weights (after) or scores (before)
    model.coverage = False
    model.max_length = 50  # table of the location score


def estimate(config: ConfigDict) -> None:
    """Add how a hard read learns."""
    config.estimator = estimator = ConfigDict()  # how a hard read learns
    estimator.learning = "cross-entropy"  # reinforce, marginal, top-k, elbo, gumbel
    estimator.feed = "expected"  # what the next state sees; or sampled
    estimator.samples = 1  # of reinforce, elbo and gumbel; 0 enumerates the first two
    estimator.baseline = "soft"  # none, moving-average, self-critical
    estimator.credit = "step"  # of a sampled position; to-go or sentence: sampled feed
    estimator.reward_weight = 1.0  # of reinforce beside the likelihood (Xu: 0.1)
    estimator.entropy = 0.0  # bonus a step, in nats (Xu: 0.002)
    estimator.coin = 0.0  # share of sentences that read expected values (Xu: 0.5)
    estimator.decay = 0.9  # of the moving average
    estimator.temperature = 1.0  # of gumbel, at the first update
    estimator.final_temperature = 0.5  # at the last
