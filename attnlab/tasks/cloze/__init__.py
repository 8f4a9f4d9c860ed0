"""attnlab/tasks/cloze"""
