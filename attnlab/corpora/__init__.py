"""attnlab/corpora"""
