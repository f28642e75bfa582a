"""Fingerprints: stable, sensitive to what counts, blind to what does not."""

import dataclasses
import enum
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from sieveline import recipes
from sieveline.fingerprint import code_version, fingerprint


@dataclass(frozen=True)
class A:
    x: float | None = 1.0
    y: tuple[str, ...] = ()


@dataclass(frozen=True)
class B:
    x: float | None = 1.0
    y: tuple[str, ...] = ()


class Colour(enum.StrEnum):
    RED = "red"


def test_equal_parts_are_equal_and_others_are_not():
    assert fingerprint(A(), [1, 2], {"a": 1, "b": 2}) == fingerprint(A(), (1, 2), {"b": 2, "a": 1})
    different = [
        (A(),),
        (B(),),
        (A(x=1.5),),
        (A(x=None),),
        (A(x=0.0),),
        (A(y=("1",)),),
        ("1",),
        (1,),
        (None,),
        (),
        ([],),
        ("1", None),
        (["1", None],),
        ("狐",),
    ]
    assert len({fingerprint(*parts) for parts in different}) == len(different)


def test_sets_enums_and_paths():
    assert fingerprint({"b", "a"}) == fingerprint(frozenset(["a", "b"]))
    assert fingerprint(Colour.RED) == fingerprint("red")
    assert fingerprint(Path("/a")) == fingerprint("/a")


def test_what_cannot_be_told_apart_is_refused():
    with pytest.raises(TypeError, match="cannot fingerprint a object"):
        fingerprint(object())


def test_the_same_in_every_process():
    code = "from sieveline.fingerprint import fingerprint; print(fingerprint({'b', 'a', 'c'}, {'x': 1.1}))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert said == fingerprint({"b", "a", "c"}, {"x": 1.1})
    assert len(said) == 16


def test_every_field_of_a_recipe_counts():
    recipe = recipes.demo()
    assert fingerprint(recipe) == fingerprint(recipes.demo())
    assert fingerprint(recipe) != fingerprint(dataclasses.replace(recipe, seed=1))
    tighter = dataclasses.replace(recipe.alignment, min_score=0.28)
    assert fingerprint(recipe) != fingerprint(dataclasses.replace(recipe, alignment=tighter))


def module(folder: Path, name: str, source: str) -> ModuleType:
    import importlib.util

    (folder / f"{name}.py").write_text(source)
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_code_is_blind_to_comments_docstrings_and_layout(tmp_path):
    one = module(tmp_path, "one", '"""Doc."""\ndef f(x):\n    """Adds."""\n    return x + 1  # why\n')
    two = module(tmp_path, "two", "def f(x):\n\n    return (x +\n      1)\n")
    three = module(tmp_path, "three", "def f(x):\n    return x + 2\n")
    four = module(tmp_path, "four", 'def f(x):\n    """Only says."""\n')
    five = module(tmp_path, "five", "def f(x):\n    pass\n")
    assert code_version(one) == code_version(two) != code_version(three)
    assert code_version(four) == code_version(five)
    assert code_version(one, three) != code_version(three, one)
