"""Floats among the blocks: each picture gets its caption, and a paragraph that a float has cut is made whole."""

import re

from ocr_synth.academic.blocks import Block

_NUMBER = re.compile(r"\w+(?:\.\w+)*")


def with_captions(blocks: list[Block]) -> list[Block]:
    """Gives each picture of a float the caption that follows (or, after the last picture, precedes) it; a caption alone stays a paragraph."""
    pictures = [b for b in blocks if b.kind == "figure" and not b.tokens]
    captions: list[Block] = []
    for block in blocks:
        if block.kind == "caption" and block.tokens:
            if any([t.text for t in c.tokens] == [t.text for t in block.tokens] for c in captions):
                block.tokens = []  # LaTeXML writes the caption of a float of several parts twice
            else:
                captions.append(block)
    blocks = [b for b in blocks if b.tokens or b.kind != "caption"]
    if not pictures or not captions:
        return blocks
    gone: set[int] = set()
    for caption in captions:
        place = next(i for i, b in enumerate(blocks) if b is caption)
        before = [b for b in blocks[:place] if b.kind == "figure" and not b.tokens and id(b) not in gone]
        after = [b for b in blocks[place:] if b.kind == "figure" and not b.tokens and id(b) not in gone]
        if picture := (before or after)[-1:] if before else after[:1]:
            target = picture[0]
            target.tokens, target.errors = caption.tokens, target.errors + caption.errors
            target.marker = "-".join(_NUMBER.findall(caption.marker.lower())) or "figure"
            gone.add(id(caption))
    return [b for b in blocks if id(b) not in gone]


def rejoined(blocks: list[Block]) -> list[Block]:
    """Joins paragraphs that a float in the middle of a sentence has cut."""
    kept: list[Block] = []
    running: Block | None = None
    between = False  # whether a float stands after the running paragraph
    for block in blocks:
        if block.apart is not None:
            between = between or block.kind != "footnote"
        elif between and running and _goes_on(running, block):
            block.tokens[0].glue = " "
            running.tokens += block.tokens
            running.errors += block.errors
            continue
        else:
            running, between = block, False
        kept.append(block)
    return kept


def _goes_on(before: Block, block: Block) -> bool:
    if not before.kind == block.kind == "paragraph" or not before.tokens or not block.tokens:
        return False
    last, first = before.tokens[-1], block.tokens[0]
    return last.kind == first.kind == "word" and last.text[-1] not in ".!?:" and first.text[0].islower()
