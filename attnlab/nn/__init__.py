"""attnlab/nn"""
