"""attnlab/tasks/ntm"""
