"""The sample quality report: what was kept, what was dropped and why, told from the ledgers alone."""
