"""Sentence pairs: corpora, vocabularies and batches. NumPy and plain Python only."""
