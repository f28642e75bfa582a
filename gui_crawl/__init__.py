"""The GUI line's craft: crawl, visible elements with boxes, referring expressions."""
