"""attnlab/tasks/memn2n"""
