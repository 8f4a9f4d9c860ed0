"""Recurrent layers shared by the models: cells, length-aware scans, embeddings."""
