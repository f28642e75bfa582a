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

    # gui: why a page, or a state of it, was not captured
    ROBOTS = "robots"
    OPTED_OUT = "opted_out"  # noai and the like, in a header or a meta tag
    PRIVATE_ADDRESS = "private_address"
    UNREACHABLE = "unreachable"
    HTTP_STATUS = "http_status"
    NOT_HTML = "not_html"
    DOWNLOAD = "download"
    REDIRECTS = "redirects"  # more than the browser follows
    NAVIGATION_BLOCKED = "navigation_blocked"  # it went on to where the crawl may not go
    DIALOGS = "dialogs"  # alerts without end
    PAGE_TIMEOUT = "page_timeout"
    PAGE_MEMORY = "page_memory"
    PAGE_BYTES = "page_bytes"
    PAGE_CRASHED = "page_crashed"
    PAGE_FAILED = "page_failed"
    SCRIPT_FAILED = "script_failed"  # the page's document cannot be read
    TOO_MANY_NODES = "too_many_nodes"
    FEW_ELEMENTS = "few_elements"

    # gui questions
    TOO_MANY_ELEMENTS = "too_many_elements"
    EMPTY_PAGE = "empty_page"  # nothing on the screen can be asked for
    UNANSWERABLE = "unanswerable"  # an action without a call in the model's format, a page without title or headings
    SPECIAL_TOKENS = "special_tokens"  # the page's text holds what a tokenizer may take for control
    PERSONAL_DATA = "personal_data"
    TEXT_LONG = "text_long"
    TEXT_CUT = "text_cut"  # the screenshot does not show all of the text, or shows other text in it
    BOX_SMALL = "box_small"
    BOX_LARGE = "box_large"
    ANSWER_LONG = "answer_long"
    AMBIGUOUS = "ambiguous"  # the expression fits none or several, read strictly
    NEARLY_AMBIGUOUS = "nearly_ambiguous"  # somebody might take it for another element

    # write
    UNREADABLE_SOURCE = "unreadable_source"  # the source bytes changed or vanished since they were measured

    # ocr-academic: papers
    PAPER_UNREADABLE = "paper_unreadable"  # an archive or file that does not unpack, or is no TeX
    PAPER_TOO_LARGE = "paper_too_large"
    NO_MAIN_TEX = "no_main_tex"
    NO_PDF = "no_pdf"  # none came with it and none could be built
    PDF_BROKEN = "pdf_broken"
    PDF_ENCRYPTED = "pdf_encrypted"
    PDF_PAGES = "pdf_pages"
    PDF_NO_TEXT = "pdf_no_text"  # scanned, or fonts that do not say which characters they draw
    OUTSIDE_PATH = "outside_path"  # LaTeX asked for a file outside the paper's folder
    LATEX_TIME = "latex_time"
    LATEX_MEMORY = "latex_memory"
    LATEX_FAILED = "latex_failed"
    MISSING_FIGURES = "missing_figures"  # a PDF built here has holes
    LATEX_ERRORS = "latex_errors"

    # ocr-academic: pages
    FEW_WORDS = "few_words"
    WORD_PRECISION = "word_precision"
    WORD_RECALL = "word_recall"
    PAGE_BOUNDARY = "page_boundary"
    LATEX_LEFTOVERS = "latex_leftovers"  # commands that LaTeXML did not understand

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
