"""Tasks: records of pure functions that training and evaluation call."""
