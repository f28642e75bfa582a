"""Beam: one file per line, `engine.py` (runner choice), `exchange.py` (global steps through files)."""
