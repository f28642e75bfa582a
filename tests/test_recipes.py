"""Recipes: whole, checked when made, and one line when they are wrong."""

import dataclasses
import json

import pytest

from sieveline import recipes
from sieveline.errors import ConfigError
from sieveline.fingerprint import fingerprint
from sieveline.output import Output
from sieveline.stages.alignment import Alignment
from sieveline.stages.alignment import Measuring as AlignmentMeasuring
from sieveline.stages.concepts import Concepts
from sieveline.stages.duplicates import Duplicates
from sieveline.stages.duplicates import Measuring as DuplicatesMeasuring
from sieveline.stages.heuristics import Heuristics
from sieveline.stages.write import Write


@pytest.fixture
def user_module(tmp_path, monkeypatch):
    """A module of the user's in the working directory, as one who types `sieveline run` has it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [p for p in __import__("sys").path if p != ""])

    def write(source: str) -> str:
        name = f"recipe_{fingerprint(source)}"
        (tmp_path / f"{name}.py").write_text(source)
        return name

    return write


@pytest.mark.parametrize("name", ["web", "demo"])
def test_the_recipes_that_come_along(name):
    recipe = recipes.load(f"sieveline.recipes:{name}", recipes.ImageText)
    assert recipe == getattr(recipes, name)()
    assert recipe.alignment.min_score == 0.3
    assert (recipe.concepts.t is None) != (recipe.concepts.tail_share is None)


def test_a_users_recipe_from_the_working_directory(user_module):
    name = user_module("from sieveline.recipes import *\ndef mine():\n    return dataclasses.replace(web(), seed=5)\n")
    assert recipes.load(f"{name}:mine", recipes.ImageText).seed == 5


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def mine(:", "cannot import .*: SyntaxError: "),
        ("import nothing_like_it", "cannot import .*: No module named 'nothing_like_it'"),
        ("1 / 0", "cannot import .*: ZeroDivisionError: "),
        ("def other(): pass", "has no function mine; it has other"),
        ("mine = 3", "has no function mine"),
        ("def mine(): return {'seed': 3}", "returned a dict, not the ImageText"),
        ("def mine(size): pass", "missing 1 required positional argument"),
        ("def mine(): return {}['a']", "KeyError: 'a'"),
        ("def mine(): raise ValueError('two\\nlines')", "two lines"),
        (
            "from sieveline.recipes import *\ndef mine(): return ImageText(alignment=Alignment(min_score=3))",
            "alignment: min_score is 3, must lie between -1 and 1",
        ),
        ("from sieveline.recipes import *\ndef mine(): return ImageText(min_side=3)", "unexpected keyword argument 'min_side'"),
    ],
)
def test_wrong_recipes_are_one_line(user_module, source, said):
    name = user_module(source)
    with pytest.raises(ConfigError, match=said) as raised:
        recipes.load(f"{name}:mine", recipes.ImageText)
    assert "\n" not in str(raised.value)


def test_a_name_that_is_none():
    with pytest.raises(ConfigError, match=r"write it as module:function, for instance sieveline\.recipes:demo"):
        recipes.load("sieveline.recipes", recipes.ImageText)


@pytest.mark.parametrize(
    "make",
    [
        lambda: recipes.ImageText(shards_per_slice=0),
        lambda: Alignment(min_score=-1.5),
        lambda: AlignmentMeasuring(model="clip"),
        lambda: AlignmentMeasuring(precision="int8"),
        lambda: Concepts(t=0),
        lambda: Concepts(t=1, tail_share=0.5),
        lambda: Concepts(tail_share=1.0),
        lambda: Duplicates(max_difference=2),
        lambda: DuplicatesMeasuring(radius=15),
        lambda: Heuristics(max_aspect=0.5),
        lambda: Heuristics(languages=()),
        lambda: Heuristics(max_boilerplate=1.5),
    ],
)
def test_values_out_of_range_are_refused_when_made(make):
    with pytest.raises(ConfigError):
        make()


@pytest.mark.parametrize("fields", [{"recaption_share": 1.1}, {"max_shard_samples": 0}, {"max_shard_bytes": 0}])
def test_write_out_of_range(fields):
    with pytest.raises((ConfigError, ValueError)):
        Write(**fields)


def test_recipes_are_frozen_and_keyword_only():
    def walk(config):
        assert dataclasses.is_dataclass(config)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(config, dataclasses.fields(config)[0].name, None)
        with pytest.raises(TypeError):
            type(config)(1)
        for field in dataclasses.fields(config):
            value = getattr(config, field.name)
            if dataclasses.is_dataclass(value):
                walk(value)

    walk(recipes.web())


def test_the_recipe_is_kept_beside_the_results(tmp_path):
    recipe = recipes.demo()
    recipes.write(recipe, "sieveline.recipes:demo", "image-text", Output(str(tmp_path)))
    kept = json.loads((tmp_path / "recipe.json").read_text())
    assert kept["recipe"] == "sieveline.recipes:demo"
    assert kept["fingerprint"] == fingerprint(recipe)
    assert kept["config"]["alignment"]["min_score"] == 0.3
