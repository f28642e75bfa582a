"""Factual recaptioning: facts of a caption, generators, and the verifier that decides between original and candidate."""
