"""attnlab/tasks/translation"""
