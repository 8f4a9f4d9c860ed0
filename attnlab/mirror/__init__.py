"""Mirrors of run folders in Weights & Biases, for those who look at runs there.

A child run of a sweep is a wandb run of its own, and so is the sweep's report. A mirror
is read by nobody here and may fail at any time: whoever uses one catches that. This is
the only part that imports wandb, and nothing imports it where wandb is disabled. It
draws with `report`, so it stands beside it and not inside training.
"""
