"""Ours against a peer, on the same data in the same run: CPU-seconds and the ratio. `make bench` runs them all."""
