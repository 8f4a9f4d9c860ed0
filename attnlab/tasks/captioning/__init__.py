"""attnlab/tasks/captioning"""
