"""Scene text: what becomes of photographs in which text was read."""
