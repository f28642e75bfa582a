"""Judges: a batch of samples in, measured columns out. No thresholds and no I/O live here."""
