"""Command-line programs: flags and printing, nothing else."""
