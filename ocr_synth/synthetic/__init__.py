"""Synthetic documents: corpus text, shaped and set in fonts of this machine, photographed by arithmetic, with labels to the pixel."""
