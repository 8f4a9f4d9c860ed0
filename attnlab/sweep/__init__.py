"""Sweeps: rows of a table become runs, runs become folders."""
