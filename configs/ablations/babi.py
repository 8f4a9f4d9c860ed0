"""bAbI, every task for itself: twenty rows, whose seeds are restarts.

    python -m experiments.sweep --config=configs/ablations/babi.py --workdir=runs/babi
    python -m attnlab.tasks.memn2n.best_seed runs/babi

The second command takes of each task the restart with the least training loss, as
Sukhbaatar et al. 2015 did of ten. Needs bAbI in the data folder (ATTNLAB_DATA).
"""

from configs import memn2n

RESTARTS = 10


def get_config():
    config = memn2n.get_config("1")
    config.train.evaluate_every = config.train.steps  # once, at the end
    config.evaluate.shown = 20
    return config


def sweep(add):
    for seed in range(RESTARTS):
        for task in range(1, 21):
            add(f"task {task}", tasks=str(task), seed=seed)
