"""The closed set of reasons a ledger row may carry.

Every stage drops by a reason of this enum and no other, so `in = kept + sum(dropped by reason)` can be checked by
counting. The order inside a stage is the order in which its rules are asked: the first that speaks gives the reason.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a sample was not kept, or (recaption, write) why its original caption stayed."""

    # reading: found while a shard is indexed, before any rule
    EMPTY_SHARD = "empty_shard"
    UNSAFE_NAME = "unsafe_name"  # absolute, `..`, control characters, link, device
    TRUNCATED = "truncated"  # the shard ends inside this sample
    DUPLICATE_KEY = "duplicate_key"
    MISSING_IMAGE = "missing_image"
    MISSING_CAPTION = "missing_caption"
    CAPTION_ENCODING = "caption_encoding"  # not UTF-8, or JSON that does not parse
    CAPTION_BYTES = "caption_bytes"
    IMAGE_BYTES = "image_bytes"

    # heuristics
    UNDECODABLE = "undecodable"
    TOO_MANY_PIXELS = "too_many_pixels"  # decompression bomb
    MIN_SIDE = "min_side"
    ASPECT = "aspect"
    SOLID_COLOUR = "solid_colour"
    MOJIBAKE = "mojibake"
    CAPTION_SHORT = "caption_short"
    CAPTION_LONG = "caption_long"
    BOILERPLATE = "boilerplate"
    SPECIAL_CHARACTERS = "special_characters"
    REPETITION = "repetition"
    LANGUAGE = "language"

    # duplicates
    EXACT_DUPLICATE = "exact_duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    CAPTION_FLOOD = "caption_flood"

    # alignment
    LOW_ALIGNMENT = "low_alignment"

    # concepts
    NO_CONCEPT = "no_concept"
    BALANCED_OUT = "balanced_out"

    # recaption: the sample stays, these say why its original caption stayed
    GENERATION_FAILED = "generation_failed"
    UNCHANGED = "unchanged"
    FACT_LOST = "fact_lost"
    UNSUPPORTED_FACT = "unsupported_fact"
    ALIGNMENT_LOWER = "alignment_lower"
    CANDIDATE_LANGUAGE = "candidate_language"
    CANDIDATE_LENGTH = "candidate_length"
    CANDIDATE_REPETITION = "candidate_repetition"

    # write
    UNREADABLE_SOURCE = "unreadable_source"  # the source bytes changed or vanished since they were measured

    # ocr-scene
    LOW_TEXT_DENSITY = "low_text_density"  # nothing that looks like writing, before anything is read
    NO_TEXT = "no_text"  # nothing was read; of a text source: it has none, or nothing of it found room
    MANY_LINES = "many_lines"
    TEXT_SCORE = "text_score"  # the reader is not sure of any line
    TEXT_SIZE = "text_size"
    TEXT_FILLS = "text_fills"  # one letter as large as the picture: no writing but the thing shown
    TEXT_LENGTH = "text_length"
    TEXT_SCRIPT = "text_script"
    FEW_LINES = "few_lines"
    NO_QUESTION = "no_question"  # lines, but none whose place or text is beyond doubt

    # ocr-synthetic
    MISSING_GLYPHS = "missing_glyphs"  # no font draws what the text needs
    TEXT_SHORT = "text_short"
    LOW_CONTRAST = "low_contrast"
    SMALL_TEXT = "small_text"
    READ_WRONG = "read_wrong"  # a reader of the undegraded render disagrees with the label
