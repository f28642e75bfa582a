"""Questions: captured states fan out into question-answer pairs; one row per candidate question, with its verdict.

`gui_crawl.questions.measure` makes the candidates and measures what the rules need; `decide` holds that against the
thresholds of `Questions`. Rules are asked in the order below; the last, balance, looks at all candidates of a capture that
are left.

`MEASURED`: one row per candidate question, those of a capture together, and of those the ones that may share a training sample. Null: it
makes no sense for the task.

| column | type | meaning |
|---|---|---|
| capture_id | string | the state it is asked on: sample_id of `captures`; the row's offset and length are its screenshot's |
| after_id | string | the state after the action, where the question shows both |
| after_offset | int64 | of its screenshot in the same file |
| after_length | int64 | as above |
| caption | string | what thumbnails are captioned with: the expression, or the question |
| flaw | string | `Reason` why no question could be made at all; all below may be null then |
| task | string | locate_box, locate_point, describe_box, describe_point, list, read, caption, markup, act, explain_change |
| family | string | how the expression refers: text, function, look, position |
| language | string | of question and expression: en, zh |
| element | int32 | id of the element in the capture |
| role | string | its noun, of `gui_crawl.nouns` |
| size | string | small, medium, large: area below 0.1 %, below 1 % of the screen, above |
| place | int8 | ninth of the screen its centre lies in, 0 top left to 8 bottom right |
| meaning | string | what the expression means, JSON of `gui_crawl.meaning.Meaning` |
| fits | int32 | elements it fits, read strictly |
| rivals | int32 | other elements that somebody might take it for |
| quoted | int32 | characters of the longest text it quotes |
| cut | bool | a text it says is not seen whole or not alone; for captions no title or no heading is there |
| personal | string | email, phone: what personal data the page's texts in it hold |
| tokens | bool | the page's texts in it hold special tokens or control characters |
| side | float | short side of the element's box, CSS pixels |
| area | float | of the box, share of the screen, 0-1 |
| answer_chars | int32 | characters of the answer |
| expression | string | the referring expression; null with personal data, as `meaning`, `question` and `answer` are |
| location | string | the place in it as it is written, `[x1, y1, x2, y2]` |
| question | string | what is asked |
| answer | string | what is to be learned |
| boxes | list<int32> | 0-999, four for each element it is about |
| form | string | single, turns, or list with task and language: which rows next to each other may share a sample |
| draw | double | in [0, 1), held against the keep probability and ordering the questions of a capture |
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gui_crawl.balance import keep_probability
from gui_crawl.privacy import REGIONS
from sieveline.errors import ConfigError
from sieveline.reasons import Reason
from sieveline.verdicts import Verdicts

MEASURED = pa.schema(
    [
        ("capture_id", pa.string()),
        ("after_id", pa.string()),
        ("after_offset", pa.int64()),
        ("after_length", pa.int64()),
        ("caption", pa.string()),
        ("flaw", pa.string()),
        ("task", pa.string()),
        ("family", pa.string()),
        ("language", pa.string()),
        ("element", pa.int32()),
        ("role", pa.string()),
        ("size", pa.string()),
        ("place", pa.int8()),
        ("meaning", pa.string()),
        ("fits", pa.int32()),
        ("rivals", pa.int32()),
        ("quoted", pa.int32()),
        ("cut", pa.bool_()),
        ("personal", pa.string()),
        ("tokens", pa.bool_()),
        ("side", pa.float32()),
        ("area", pa.float32()),
        ("answer_chars", pa.int32()),
        ("expression", pa.string()),
        ("location", pa.string()),
        ("question", pa.string()),
        ("answer", pa.string()),
        ("boxes", pa.list_(pa.int32())),
        ("form", pa.string()),
        ("draw", pa.float64()),
    ]
)
REFERRING = ("locate_box", "locate_point", "describe_box", "describe_point")


@dataclass(frozen=True, kw_only=True, slots=True)
class Measuring:
    """What making and measuring candidates depends on: a change here reads every capture again.

    Attributes:
        elements: elements of a capture that are asked about at most, drawn so that rare nouns come first.
        tries: expressions tried per element and family until one picks it out alone.
        shares: of the referring tasks, in the order of `REFERRING`.
        chinese: share of questions in Chinese; the rest is English.
        lists: nouns listed per capture at most.
        reads: regions read per capture at most.
        captions: captions and markup are made of this share of captures.
        single: share of questions that go into a sample alone; the others of their capture share samples, but for markup and actions.
        listed: share of those that are asked as a numbered list, the rest as turns of a conversation.
        batch: questions in one sample at most; the number is drawn from 2 up to it.
        min_read: characters that are worth reading.
        max_headings: headings named in a caption.
        max_elements: a screen with more is a flood and gives nothing.
        regions: whose telephone numbers are looked for.
    """

    elements: int = 80
    tries: int = 4
    shares: tuple[float, float, float, float] = (0.35, 0.25, 0.25, 0.15)
    chinese: float = 0.4
    lists: int = 2
    reads: int = 6
    captions: float = 0.5
    single: float = 0.05
    listed: float = 0.3
    batch: int = 16
    min_read: int = 3
    max_headings: int = 5
    max_elements: int = 3_000
    regions: tuple[str, ...] = REGIONS

    def __post_init__(self):
        if len(self.shares) != len(REFERRING) or min(self.shares) < 0 or abs(sum(self.shares) - 1) > 1e-6:
            raise ConfigError(f"questions: shares are {self.shares}, must be {len(REFERRING)} shares that sum to 1")
        for name in ("chinese", "captions", "single", "listed"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"questions: {name} is {getattr(self, name)}, must lie between 0 and 1")
        for name, least in (("elements", 1), ("tries", 1), ("max_elements", 1), ("batch", 2)):
            if getattr(self, name) < least:
                raise ConfigError(f"questions: {name} is {getattr(self, name)}, must be at least {least}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Questions:
    """Thresholds; `None` turns a rule off. A value equal to its threshold is kept.

    Attributes:
        measuring: see `Measuring`.
        max_quoted: characters of a text that an expression quotes.
        min_side: short side of an asked element, CSS pixels.
        max_area: share of the screen an asked element takes.
        max_answer: characters of an answer.
        max_list: elements in a list.
        max_rivals: other elements that somebody might take an expression for.
        personal: drop what says personal data; False keeps it, for pages that are the user's own.
        max_per_role: questions of one capture about elements of one noun that are expected at most; so the next three.
        max_per_size: of one size.
        max_per_place: in one ninth of the screen.
        max_per_family: by one family of expressions.
        max_repeats: questions of one meaning about one box that are expected at most in a shard: a site's menu is on each of its pages.
    """

    measuring: Measuring = Measuring()
    max_quoted: int | None = 60  # SeeClick
    min_side: float | None = 8.0  # ours: below it a click misses; WCAG asks for 24 of targets, which check boxes do not have
    max_area: float | None = 0.5  # ours: what fills the screen is no place
    max_answer: int | None = 8_000  # ours: a page of markup is about as many bytes; 2,500 tokens
    max_list: int | None = 40  # ours
    max_rivals: int | None = 0  # ours: see docs/gui-questions.md for what one rival looks like
    personal: bool = True
    max_per_role: float | None = 12.0
    max_per_size: float | None = 24.0
    max_per_place: float | None = 10.0
    max_per_family: float | None = 12.0
    max_repeats: float | None = 3.0

    def __post_init__(self):
        for name in ("max_quoted", "max_answer", "max_list"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ConfigError(f"questions: {name} is {value}, must be at least 1; None turns the rule off")
        if self.max_area is not None and not 0 < self.max_area <= 1:
            raise ConfigError(f"questions: max_area is {self.max_area}, must lie above 0 and up to 1")
        for name in ("max_per_role", "max_per_size", "max_per_place", "max_per_family", "max_repeats"):
            if (value := getattr(self, name)) is not None and value <= 0:
                raise ConfigError(f"questions: {name} is {value}, must be above 0; None turns the rule off")


def decide(columns: pa.Table | pa.RecordBatch, config: Questions) -> pa.Table:
    """The verdict on every row of measured columns: a table of `VERDICT`, row for row."""
    verdicts = Verdicts(columns.num_rows)

    def column(name: str) -> np.ndarray:  # nulls become NaN, which no comparison holds for
        return columns[name].cast(pa.float64()).to_numpy(zero_copy_only=False)

    def true(name: str) -> np.ndarray:
        return pc.fill_null(columns[name], False).to_numpy(zero_copy_only=False)

    flaws = columns["flaw"]
    for flaw in sorted(flaws.unique().drop_null().to_pylist()):
        verdicts.rule(Reason(flaw), pc.fill_null(pc.equal(flaws, flaw), False).to_numpy(zero_copy_only=False))
    task = columns["task"].to_numpy(zero_copy_only=False)
    listing, caption = task == "list", task == "caption"
    verdicts.rule(Reason.SPECIAL_TOKENS, true("tokens"))
    if config.personal:
        verdicts.rule(Reason.PERSONAL_DATA, pc.is_valid(columns["personal"]).to_numpy(zero_copy_only=False))
    _over(verdicts, Reason.TEXT_LONG, column("quoted"), config.max_quoted)
    verdicts.rule(Reason.UNANSWERABLE, true("cut") & caption)
    verdicts.rule(Reason.TEXT_CUT, true("cut"))
    if config.min_side is not None:
        verdicts.rule(Reason.BOX_SMALL, column("side") < config.min_side, column("side"), config.min_side)
    _over(verdicts, Reason.BOX_LARGE, column("area"), config.max_area)
    _over(verdicts, Reason.ANSWER_LONG, column("answer_chars"), config.max_answer)
    fits = column("fits")
    if config.max_list is not None:
        verdicts.rule(Reason.ANSWER_LONG, listing & (fits > config.max_list), fits, config.max_list)
    verdicts.rule(Reason.AMBIGUOUS, ~listing & ((fits < 1) | (fits > 1)), fits, 1)
    _over(verdicts, Reason.NEARLY_AMBIGUOUS, column("rivals"), config.max_rivals)
    keep = _balance(columns, verdicts.table()["reason"].is_null().to_numpy(zero_copy_only=False), config)
    verdicts.rule(Reason.BALANCED_OUT, column("draw") >= keep, keep, None)
    return verdicts.table()


def _over(verdicts: Verdicts, reason: Reason, measured: np.ndarray, limit: float | None) -> None:
    if limit is not None:
        verdicts.rule(reason, measured > limit, measured, limit)


def _balance(columns: pa.Table | pa.RecordBatch, left: np.ndarray, config: Questions) -> np.ndarray:
    """Keep probability of every row: that of `balance` over the referring questions left of its capture, 1 for all others.

    What is asked alike on many pages is thinned first.
    """
    keep = np.ones(columns.num_rows)
    rows = np.flatnonzero(left & pc.is_in(columns["task"], value_set=pa.array(REFERRING)).to_numpy(zero_copy_only=False))
    captures = columns["capture_id"].to_numpy(zero_copy_only=False)[rows]
    values = {name: columns[name].to_numpy(zero_copy_only=False)[rows] for name in ("family", "role", "size", "place")}
    caps = {name: getattr(config, f"max_per_{name}") for name in values}
    if config.max_repeats is not None and len(rows):
        boxes = columns["boxes"].to_pylist()
        meanings = columns["meaning"].to_pylist()
        _, same = np.unique([f"{meanings[i]}{boxes[i]}" for i in rows], return_inverse=True)
        keep[rows] = np.minimum(1.0, config.max_repeats / np.bincount(same)[same])
    for capture in np.unique(captures.astype(str)) if len(rows) else ():
        mine = captures == capture
        keep[rows[mine]] = keep_probability({name: column[mine] for name, column in values.items()}, caps, keep[rows[mine]])
    return keep
