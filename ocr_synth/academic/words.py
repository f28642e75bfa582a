"""Words as two readings of one page can be compared by: no case, accents, ligatures or punctuation; a Han or kana character is
a word.

Formulas are compared by pseudo-words: their letters one by one (Greek ones as such), their runs of digits, the names of
their functions. That finds where a formula stands; measures of words leave them out.
"""

import re
import unicodedata
from functools import lru_cache

# Spacing accents, as old TeX fonts give them beside the letter; NFKD would make a space of them.
_ACCENTS = re.compile("[`^~¨¯´¸ˆˇˉ˘˙˚˛˜˝̀-ͯ\u200b\u200c\u200d\u00ad]")
_WORD = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_TEX_TOKEN = re.compile(r"\\(?:text\w*|mbox|hbox|mathrm|operatorname\*?|tag)\s*\{([^{}]*)\}|\\([a-zA-Z]+)|([0-9]+)|([^\W\d_])")
_NAMES = """sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh coth log ln lg exp lim limsup liminf sup inf max min arg
det dim ker hom gcd deg mod Pr"""
_FUNCTIONS = frozenset(_NAMES.split())
_GREEK = {
    name: letter
    for names, letters in (
        (
            "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega",
            "αβγδεζηθικλμνξπρστυφχψω",
        ),
        ("varepsilon vartheta varpi varrho varsigma varphi", "εθπρσφ"),
        ("Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega", "γδθλξπσυφψω"),
    )
    for name, letter in zip(names.split(), letters, strict=True)
}


@lru_cache(maxsize=1 << 16)
def words(text: str) -> tuple[str, ...]:
    """The words of `text`."""
    if text.isascii():
        return tuple(_WORD.findall(_ACCENTS.sub("", text).lower()))
    plain = unicodedata.normalize("NFKD", _ACCENTS.sub("", text).replace("ı", "i").replace("ȷ", "j"))
    return tuple(_WORD.findall("".join(c for c in plain if not unicodedata.combining(c)).casefold()))


@lru_cache(maxsize=1 << 14)
def formula_words(tex: str) -> tuple[str, ...]:
    """The pseudo-words of a formula in TeX."""
    found: list[str] = []
    for text, command, digits, letter in _TEX_TOKEN.findall(tex):
        if text:
            found += words(text)
        elif command:
            if command in _FUNCTIONS:
                found.append(command.lower())
            elif command in _GREEK:
                found.append(_GREEK[command])
        else:
            found += words(digits or letter)
    return tuple(found)
