"""The reasons are a closed set: each is used by the code, none stands anywhere but in the enum."""

import ast
from pathlib import Path

import pytest

from sieveline.reasons import Reason

ROOT = Path(__file__).parent.parent
SOURCES = [
    p
    for room in ("sieveline", "classifiers", "recaption", "ocr_synth", "gui_crawl", "pipelines")
    for p in sorted((ROOT / room).rglob("*.py"))
]


def test_names_and_values_agree():
    assert all(reason.value == reason.name.lower() for reason in Reason)
    assert len(set(Reason)) == len(Reason.__members__)


def test_every_reason_is_given_somewhere():
    used = {
        node.attr
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Reason"
    }
    assert used - {"__members__"} == set(Reason.__members__)


def test_an_unknown_reason_is_refused():
    with pytest.raises(ValueError, match="not a valid Reason"):
        Reason("bad_weather")
