"""The demo pool: real pairs from packages, made as dirty as the web with known labels, and the scores against them."""
