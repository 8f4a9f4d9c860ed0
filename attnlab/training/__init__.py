"""attnlab/training"""
