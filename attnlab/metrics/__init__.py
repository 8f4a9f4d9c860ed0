"""BLEU, AER, attention statistics and significance: NumPy in, plain floats out."""
