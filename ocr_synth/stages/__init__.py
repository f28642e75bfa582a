"""One stage, one file: its columns, its thresholds, and what it decides."""
