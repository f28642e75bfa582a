"""Dagster: one thin file per line, `definitions.py`, partitions, schedules, sensors, checks."""
