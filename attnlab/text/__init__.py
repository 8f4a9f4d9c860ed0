"""attnlab/text"""
