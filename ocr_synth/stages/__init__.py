"""The stages of the OCR lines: configuration, measured columns, verdicts."""
