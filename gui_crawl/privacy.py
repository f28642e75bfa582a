"""Personal data in page text: e-mail addresses and telephone numbers, found and masked.

Telephone numbers are Google's libphonenumber's (package phonenumbers): valid numbers of the recipe's regions and
international ones anywhere. Only text with seven digits in a row of digits and separators is given to it, since it costs
about a millisecond.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

REGIONS = ("US", "GB", "CN", "DE", "FR", "IN", "JP", "BR")
EMAIL, PHONE = "[e-mail]", "[phone]"
_EMAIL = re.compile(r"[\w.+-]{1,64}\s?(?:@|＠|\(at\)|\[at\])\s?[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}", re.IGNORECASE)
_DIGITS = re.compile(r"(?:[+(]?\d[\s().\-–/·]{0,3}){7,}")
_DATE = re.compile(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{4}")


def spans(text: str, regions: Sequence[str] = REGIONS) -> tuple[tuple[int, int, str], ...]:
    """(start, end, `email` or `phone`) of each address and number in the text, in order, none overlapping another."""
    return _found(text, tuple(regions))


def personal(text: str, regions: Sequence[str] = REGIONS) -> str | None:
    """`email` or `phone` where the text holds one, None where it holds neither."""
    return next((kind for _, _, kind in spans(text, regions)), None)


def masked(text: str, regions: Sequence[str] = REGIONS) -> str:
    """The text with every address and number replaced by `[e-mail]` or `[phone]`."""
    out, end = [], 0
    for start, stop, kind in spans(text, regions):
        out += [text[end:start], EMAIL if kind == "email" else PHONE]
        end = stop
    return "".join([*out, text[end:]])


@lru_cache(16_384)
def _found(text: str, regions: tuple[str, ...]) -> tuple[tuple[int, int, str], ...]:
    found = [(*match.span(), "email") for match in _EMAIL.finditer(text)]
    found += [(*span, "phone") for span in _phones(text, regions)]
    kept: list[tuple[int, int, str]] = []
    for span in sorted(found):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return tuple(kept)


def _phones(text: str, regions: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    dates = [match.span() for match in _DATE.finditer(text)]
    if not any(match for match in _DIGITS.finditer(text)):
        return
    from phonenumbers import Leniency, PhoneNumberMatcher

    for region in regions:
        for match in PhoneNumberMatcher(text, region, leniency=Leniency.VALID):
            if not any(start < match.end and match.start < end for start, end in dates):
                yield match.start, match.end
