"""Words and numbers in one normal form, so that `1,000` is `1000`, `two` is `2`, `km` is `kilometres` and `Cafés` is
`cafe`.
"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

_ONES = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis diecisiete dieciocho diecinueve",
}
_TENS = {
    "en": "twenty thirty forty fifty sixty seventy eighty ninety",
    "es": "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
}
_SCALES = {
    "en": {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9},
    "es": {"docena": 12, "cien": 100, "ciento": 100, "mil": 1000, "millon": 10**6, "millones": 10**6},
}
NUMBER_WORDS: dict[str, dict[str, int]] = {
    lang: {w: i for i, w in enumerate(_ONES[lang].split())}
    | {w: 20 + 10 * i for i, w in enumerate(_TENS[lang].split())}
    | _SCALES[lang]
    for lang in _ONES
}
_ALONE_NO_NUMBER = frozenset(
    ("one", "uno", "zero", "cero", "dozen", "mil")
)  # "this one", "a dozen": articles and pronouns more than counts

_UNITS = {
    name: unit
    for unit, names in {
        "km": "km kms kilometre kilometres kilometer kilometers kilómetro kilómetros",
        "m": "m metre metres meter meters metro metros",
        "cm": "cm cms centimetre centimetres centimeter centimeters centímetro centímetros",
        "mm": "mm millimetre millimetres millimeter millimeters milímetro milímetros",
        "in": 'inch inches " pulgada pulgadas',
        "ft": "ft foot feet pie pies",
        "mi": "mi mile miles milla millas",
        "kg": "kg kgs kilo kilos kilogram kilograms kilogramo kilogramos",
        "g": "g gram grams gramme grammes gramo gramos",
        "mg": "mg milligram milligrams",
        "lb": "lb lbs pound pounds libra libras",
        "oz": "oz ounce ounces onza onzas",
        "l": "l litre litres liter liters litro litros",
        "ml": "ml millilitre millilitres milliliter milliliters mililitro mililitros",
        "km/h": "km/h kmh kph",
        "mph": "mph",
        "%": "% percent per\u00a0cent",
        "°C": "°c",
        "°F": "°f",
        "°": "° degree degrees grado grados",
        "$": "$ usd dollar dollars dólar dólares",
        "€": "€ eur euro euros",
        "£": "£ gbp",
        "¥": "¥ jpy yen cny yuan 円 元",
        "W": "w watt watts",
        "V": "v volt volts",
        "hp": "hp",
        "MB": "mb",
        "GB": "gb",
    }.items()
    for name in names.split()
}
_UNIT = "|".join(sorted((re.escape(u) for u in _UNITS), key=len, reverse=True))
_DIGITS = re.compile(
    rf"""(?<![\w.,])(?P<money>[$€£¥])?\s?(?P<sign>[-−](?=\d))?
    (?P<number>\d+(?:[.,:/'’x×-]\d+)*)(?P<ordinal>st|nd|rd|th|º|ª)?
    (?:(?P<gap>\s?)(?P<unit>{_UNIT})(?!\w))?(?![a-zA-Z])""",
    re.IGNORECASE | re.VERBOSE,
)
_CJK_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_HAN_VALUES = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2, "兩": 2, "〇": 0}
_HAN_SCALES = {"十": 10, "百": 100, "千": 1000}
# A Han numeral counts only before a measure word: 三 in 三轮车 (tricycle) or 一 in 一般 counts nothing.
_HAN_NUMBER = re.compile(
    "[一二三四五六七八九十百千两兩]+(?=[只隻个個匹頭头人名位本張张朵棵輛辆座条條枚枝杯块塊片艘架台臺羽匹])"
)
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True, slots=True)
class Number:
    """One number in a text.

    Attributes:
        start, end: its span in characters, unit included.
        value: canonical decimal (`1000`, `1.5`), or the literal for dates, times, ratios and versions (`10:30`, `12/05/2004`).
        unit: canonical unit or currency, "" without one.
    """

    start: int
    end: int
    value: str
    unit: str


def fold(word: str) -> str:
    """Case, width, accents and plural folded: `Cafés` -> `cafe`, `boxes` -> `box`. A rule for comparing, not for reading."""
    word = unicodedata.normalize("NFKD", word.casefold()).replace("’", "'")
    word = "".join(c for c in word if not unicodedata.combining(c))
    word = word.removesuffix("'s").strip("'")
    if len(word) > 3 and word.isascii():
        if word.endswith("ies") and len(word) > 4:
            return word[:-3] + "y"
        if word.endswith(("ches", "shes", "xes", "sses", "oes")):
            return word[:-2]
        if word.endswith("s") and not word.endswith(("ss", "us", "is")):
            return word[:-1]
    return word


def value(text: str, language: str) -> str:
    """A digit string in canonical form, with the language's own grouping: `1.000` is 1000 in Spanish and 1 in English."""
    text = text.replace("’", "'").replace("'", "")
    group, point = (".", ",") if language in ("es", "de", "it", "pt", "fr") else (",", ".")
    if re.fullmatch(rf"\d{{1,3}}(?:{re.escape(group)}\d{{3}})+(?:{re.escape(point)}\d+)?", text):
        text = text.replace(group, "").replace(point, ".")
    elif re.fullmatch(rf"\d+{re.escape(point)}\d+", text):
        text = text.replace(point, ".")
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text.replace("×", "x")
    return format(number.normalize(), "f")


def numbers(text: str, language: str) -> list[Number]:
    """Every number of `text`, in order: digits with units and currencies, ordinals, number words (English, Spanish), Han numerals.

    Alphanumeric codes (`A380`, `mp3`) are no numbers. A lone `one`, `uno`, 一, `dozen` counts as none: it is an article or a
    pronoun too often.
    """
    found = []
    cjk = bool(CJK.search(text))
    for m in _DIGITS.finditer(text):
        unit = m["money"] or m["unit"] or ""
        if m["unit"] and m["gap"] and m["unit"].isalpha() and len(m["unit"]) == 1 and m["unit"] not in "mglWV":
            unit = m["money"] or ""  # "5 L ..." reads as an initial
        end = m.end("unit") if unit and not m["money"] else m.end("ordinal") if m["ordinal"] else m.end("number")
        sign = "-" if m["sign"] else ""
        found.append(
            Number(
                m.start() + (m.group()[:1] == " "), end, sign + value(m["number"], language), _UNITS.get(unit.casefold(), unit)
            )
        )
    if cjk:
        taken = [(n.start, n.end) for n in found]
        for m in _CJK_DIGITS.finditer(text):
            beside = text[max(0, m.start() - 1) : m.start()] + text[m.end() : m.end() + 1]
            if CJK.search(beside) and not any(s <= m.start() < e for s, e in taken):
                found.append(Number(m.start(), m.end(), value(m.group(), language), ""))
        found += [Number(m.start(), m.end(), str(_han(m.group())), "") for m in _HAN_NUMBER.finditer(text) if m.group() != "一"]
    elif language in NUMBER_WORDS:
        found += _spelled(text, language)
    return sorted(found, key=lambda n: n.start)


def _han(text: str) -> int:
    total, digit = 0, 0
    for c in text:
        if c in _HAN_SCALES:
            total, digit = total + (digit or 1) * _HAN_SCALES[c], 0
        else:
            digit = _HAN_VALUES[c]
    return total + digit


def _spelled(text: str, language: str) -> list[Number]:
    table, found, run = NUMBER_WORDS[language], [], []
    pieces = [(m.start() + p.start(), p.group()) for m in _WORD.finditer(text) for p in re.finditer(r"[^-'’]+", m.group())]
    for at, word in [*pieces, (len(text), "")]:
        folded = unicodedata.normalize("NFKD", word.casefold())
        folded = "".join(c for c in folded if not unicodedata.combining(c))
        glue = run and folded in ("and", "y") and language in ("en", "es")
        touching = not run or not text[run[-1][1] : at].strip(" -")
        if folded in table and (touching or run[-1][2] == -1):
            run.append((at, at + len(word), table[folded], folded))
            continue
        if glue and touching and run[-1][2] != -1:
            run.append((at, at + len(word), -1, folded))
            continue
        found += _close(run)
        run = [(at, at + len(word), table[folded], folded)] if folded in table else []
    return found


def _close(run: list[tuple[int, int, int, str]]) -> list[Number]:
    """One run of number words (-1 marks `and`) as numbers: `twenty five` is 25, `two and three` is 2, 3."""
    found: list[Number] = []
    start = end = None
    total = current = 0
    previous = 0
    after_glue = False
    for at, stop, n, _ in run:
        if n == -1:
            after_glue = True
            continue
        joins = start is not None and (n >= 100 or previous >= 100 or (20 <= previous < 100 and n < 10))
        if after_glue:  # "two hundred and five" joins, "two and three" does not; Spanish "treinta y dos" does
            joins = joins and previous >= 20 and n < 100
        after_glue = False
        if start is not None and end is not None and not joins:
            found.append(Number(start, end, str(total + current), ""))
            total = current = 0
            start = None
        if start is None:
            start = at
        if n >= 1000:
            total, current = (total + current or 1) * n, 0
        elif n == 100 and current:
            current *= n
        else:
            current += n
        previous, end = n, stop
    if start is not None and end is not None:
        found.append(Number(start, end, str(total + current), ""))
    counted = [word for _, _, n, word in run if n != -1]
    return [] if len(counted) == 1 and counted[0] in _ALONE_NO_NUMBER else found
