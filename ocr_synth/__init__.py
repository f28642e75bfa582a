"""The OCR line's craft: synthetic documents, scene text, academic pages."""
