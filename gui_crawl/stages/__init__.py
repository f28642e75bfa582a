"""Stages of the GUI line: columns, thresholds and verdicts, one file each."""
