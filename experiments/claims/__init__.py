"""What the papers claim, judged by the runs of this machine: `experiments.claims`."""
