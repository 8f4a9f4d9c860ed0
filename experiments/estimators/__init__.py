"""experiments/estimators"""
