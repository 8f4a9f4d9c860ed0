"""Readers of cloze questions (Hermann et al. 2015)."""
