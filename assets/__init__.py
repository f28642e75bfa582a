"""Dagster: one thin file per line, `definitions.py`, partitions, schedules, sensors, checks."""

import warnings

import dagster as dg

# Backfill policies and partitioned checks are beta in 1.13; the lock pins them and tests use them, so each start need not say it.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
