"""attnlab/tasks/classification"""
