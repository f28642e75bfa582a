"""Words for meanings and tasks, English and Chinese, with variety drawn by (seed, id, slot)."""

from collections.abc import Sequence

from gui_crawl.meaning import Meaning
from gui_crawl.phrasing import chinese, english
from gui_crawl.phrasing.pick import Pick

LANGUAGES = {"en": english, "zh": chinese}


def expression(meaning: Meaning, language: str, pick: Pick) -> str:
    """A meaning as a noun phrase: `the second field under "Email"`, `“邮箱”下方的第二个输入框`."""
    return LANGUAGES[language].noun_phrase(meaning, pick)


def question(task: str, language: str, pick: Pick, **slots: str) -> str:
    """A task as it is asked: one of the language's wordings for it, with its slots filled."""
    return pick(task, LANGUAGES[language].QUESTIONS[task]).format(**slots)


def listed(task: str, language: str, pick: Pick, items: Sequence[str]) -> str:
    """One question over several items, numbered."""
    head = pick(task, LANGUAGES[language].QUESTIONS[task])
    return head + "\n" + "\n".join(f"{k}. {item}" for k, item in enumerate(items, 1))
