"""Bias, variance and time of the gradient estimators, on a model of fixed parameters.

`setup` has the estimators and the model, `exact` and `gradients` the gradients,
`statistics` and `claims` what follows from them, `tables` what is printed.
"""
